// The part of a provider that is the same for all: go-plugin's handshake with
// AutoMTLS, the health service, and chainrun.provider.v1 from its .proto.
// docs/providers.md explains it step by step.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const maxMessage = 24 << 20;

// Failure is why there is no answer, for a graph's conditions and for people.
class Failure extends Error {
  constructor(reason, message, more = {}) {
    super(message);
    Object.assign(this, { reason, more });
  }
}

const json = (value) => Buffer.from(JSON.stringify(value));
const parse = (bytes) => (bytes?.length ? JSON.parse(bytes.toString('utf8')) : undefined);

function load(file) {
  const options = { keepCase: true, longs: Number, oneofs: true, defaults: false };
  return grpc.loadPackageDefinition(loader.loadSync(file, options));
}

// protoFile finds provider.proto: beside this file, where whoever ships a
// provider puts it, or in chainrun's sources.
function protoFile() {
  const beside = path.join(__dirname, 'provider.proto');
  return fs.existsSync(beside) ? beside : path.join(__dirname, '../../sdk/provider/protocol/provider.proto');
}

// health is what go-plugin's Ping asks, and chainrun when a call was not
// answered in time.
const health = grpc.loadPackageDefinition(loader.fromJSON({
  nested: { grpc: { nested: { health: { nested: { v1: { nested: {
    Health: { methods: { Check: { requestType: 'Request', responseType: 'Response' } } },
    Request: { fields: { service: { type: 'string', id: 1 } } },
    Response: { fields: { status: { type: 'Status', id: 1 } } },
    Status: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2 } },
  } } } } } } },
})).grpc.health.v1.Health.service;

async function answer(provider, call) {
  const r = call.request;
  try {
    const steps = provider.methods[r.method].call(parse(r.request), parse(r.config) ?? {});
    for (;;) {
      const { done, value } = steps.next();
      if (done) {
        call.write({ answer: { document: json(value) } });
        break;
      }
      call.write({ partial: json(value) });
      await new Promise(setImmediate); // others want to be answered too
      if (call.cancelled) return;
    }
  } catch (e) {
    const own = e instanceof Failure;
    if (!own) console.error(e);
    call.write({ failure: { reason: own ? e.reason : '', message: e.message, ...e.more } });
  }
  call.end();
}

// serve answers until the host is gone.
function serve(provider) {
  if (process.env.CHAINRUN_PROVIDER !== 'chainrun.provider.v1') {
    console.error(`This is a provider of chainrun. Start it with: chainrun GRAPH.toml --provider NAME=${process.argv[1]}`);
    process.exit(2);
  }
  // The end of standard input is the end of the host.
  process.stdin.on('end', () => process.exit(0)).resume();

  const description = {
    text: provider.text,
    config_schema: provider.config && json(provider.config),
    methods: Object.entries(provider.methods).map(([name, m]) => ({
      name, text: m.text, request_schema: json(m.request), response_schema: json(m.response),
    })),
  };
  const server = new grpc.Server({
    'grpc.max_receive_message_length': maxMessage, 'grpc.max_send_message_length': maxMessage,
  });
  server.addService(load(protoFile()).chainrun.provider.v1.Provider.service, {
    Describe: (_, done) => done(null, description),
    Call: (call) => { answer(provider, call); },
  });
  server.addService(health, { Check: (_, done) => done(null, { status: 'SERVING' }) });

  const own = certificate();
  const credentials = grpc.ServerCredentials.createSsl(
    Buffer.from(process.env.PLUGIN_CLIENT_CERT), [{ private_key: own.key, cert_chain: own.pem }], true);
  const socket = path.join(process.env.PLUGIN_UNIX_SOCKET_DIR ?? os.tmpdir(), `provider-${process.pid}`);
  server.bindAsync(`unix:${socket}`, credentials, (e) => {
    if (e) throw e;
    const der = own.der.toString('base64').replace(/=+$/, '');
    process.stdout.write(`1|1|unix|${socket}|grpc|${der}\n`);
  });
}

// certificate makes a key and a certificate for localhost, signed by itself, for
// this one life of the process. Node can read certificates but not write them,
// so their few fields are written here as DER.
function certificate() {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const der = (tag, ...parts) => {
    const body = Buffer.concat(parts);
    const length = body.length < 128 ? [body.length]
      : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const sequence = (...parts) => der(0x30, ...parts);
  const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
  const time = (date) => der(0x17, Buffer.from(date.toISOString().replace(/^..|[-:T]|\....(?=Z)/g, '')));
  const algorithm = sequence(oid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from('localhost')))));
  const serial = crypto.randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x40; // positive, no leading zeros
  const now = Date.now(), day = 86_400_000;
  const alternative = sequence(oid('551d11'), der(0x04, sequence(der(0x82, Buffer.from('localhost')))));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), der(0x02, serial), algorithm, name,
    sequence(time(new Date(now - day)), time(new Date(now + 3650 * day))), name,
    publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, sequence(alternative)));
  const signature = der(0x03, Buffer.from([0]), crypto.sign('sha256', body, privateKey));
  const whole = sequence(body, algorithm, signature);
  const pem = `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  return { der: whole, pem: Buffer.from(pem), key: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}

module.exports = { serve, Failure };
