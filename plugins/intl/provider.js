#!/usr/bin/env node
// intl is a provider of chainrun without any library of chainrun: what Node's
// Intl knows of languages, as a capability of nodes. With handshake.js it is an
// example of a provider in a language that go-plugin has no library for.
'use strict';

const { serve, Failure } = require('./handshake.js');

const string = { type: 'string' };
const object = (properties, required = Object.keys(properties)) =>
  ({ type: 'object', properties, required, additionalProperties: false });

const methods = {
  segment: {
    text: 'cuts a text into sentences, words or characters as its language does',
    request: object({ text: string, locale: string, by: { enum: ['sentence', 'word', 'grapheme'] } }, ['text', 'by']),
    response: object({ segments: { type: 'array', items: string } }),
    // Long texts take a while: the number of segments so far is a partial.
    *call({ text, locale, by }, config) {
      const segments = [];
      for (const s of new Intl.Segmenter(supported(locale ?? config.locale), { granularity: by }).segment(text)) {
        if (by === 'word' && !s.isWordLike) continue;
        segments.push(by === 'sentence' ? s.segment.trim() : s.segment);
        if (segments.length % 1000 === 0) yield { segments: segments.length };
      }
      return { segments };
    },
  },
  sort: {
    text: 'sorts texts as a language does',
    request: object({ items: { type: 'array', items: string }, locale: string, numeric: { type: 'boolean' } }, ['items']),
    response: object({ items: { type: 'array', items: string } }),
    *call({ items, locale, numeric = false }, config) {
      return { items: items.sort(new Intl.Collator(supported(locale ?? config.locale), { numeric }).compare) };
    },
  },
};

// supported is the locale of a request, else that of the graph's config.
function supported(locale = 'en') {
  try {
    if (Intl.Collator.supportedLocalesOf([locale]).length > 0) return locale;
  } catch {
    // a locale that is not even one
  }
  throw new Failure('unknown_locale', `the locale ${JSON.stringify(locale)} is not known here; write one like "de" or "pt-BR"`);
}

serve({
  text: "what Node's Intl knows of languages",
  methods,
  config: object({ locale: string }, []),
});
