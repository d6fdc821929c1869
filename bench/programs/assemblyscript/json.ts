// JSON into a tree, by recursive descent: branches on characters, and many small
// allocations, which are collected.

export class Value {
  text: string = "";
  number: f64 = 0;
  items: Array<Value> = [];
  members: Map<string, Value> | null = null;

  // weight is something that depends on all of the tree.
  weight(): u32 {
    let sum = u32(this.text.length) + u32(this.number * 8);
    for (let i = 0; i < this.items.length; i++) sum += this.items[i].weight();
    const members = this.members;
    if (members) {
      const keys = members.keys();
      for (let i = 0; i < keys.length; i++) sum += u32(keys[i].length) + members.get(keys[i]).weight();
    }
    return sum;
  }
}

export function example(): string {
  const items = new Array<string>();
  for (let i = 0; i < 50; i++) {
    const name = '"item \\"' + (i * 7919).toString() + '\\""';
    const price = (i * 31 % 997).toString() + "." + (i % 100).toString();
    items.push('{"id": ' + i.toString() + ', "name": ' + name + ', "tags": ["red", "green", null, true, false], "price": ' + price + "}");
  }
  return "[" + items.join(",\n ") + "]";
}

export class Parser {
  at: i32 = 0;

  constructor(private text: string) {}

  private look(): i32 {
    return this.at < this.text.length ? this.text.charCodeAt(this.at) : -1;
  }

  private space(): i32 {
    let c = this.look();
    while (c == 0x20 || c == 0x0a || c == 0x09 || c == 0x0d) {
      this.at++;
      c = this.look();
    }
    return c;
  }

  private expect(c: i32): void {
    assert(this.space() == c);
    this.at++;
  }

  value(): Value {
    const v = new Value();
    const c = this.space();
    if (c == 0x7b) {
      this.at++;
      const members = new Map<string, Value>();
      v.members = members;
      while (this.space() != 0x7d) {
        const key = this.string();
        this.expect(0x3a);
        members.set(key, this.value());
        if (this.space() == 0x2c) this.at++, this.space();
      }
      this.at++;
    } else if (c == 0x5b) {
      this.at++;
      while (this.space() != 0x5d) {
        v.items.push(this.value());
        if (this.space() == 0x2c) this.at++;
      }
      this.at++;
    } else if (c == 0x22) {
      v.text = this.string();
    } else if (c == 0x74 || c == 0x6e) {
      this.at += 4;
    } else if (c == 0x66) {
      this.at += 5;
    } else {
      const from = this.at;
      while ((this.look() >= 0x30 && this.look() <= 0x39) || this.look() == 0x2e || this.look() == 0x2d) this.at++;
      assert(this.at > from);
      v.number = parseFloat(this.text.substring(from, this.at));
    }
    return v;
  }

  private string(): string {
    this.expect(0x22);
    let out = "", from = this.at;
    while (this.look() != 0x22) {
      assert(this.look() >= 0);
      if (this.look() == 0x5c) {
        out += this.text.substring(from, this.at);
        from = ++this.at;
      }
      this.at++;
    }
    out += this.text.substring(from, this.at);
    this.at++;
    return out;
  }
}
