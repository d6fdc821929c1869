//! JSON into a tree, by recursive descent: branches on bytes, and many small
//! allocations.

use std::collections::BTreeMap;

pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// Something that depends on all of the tree.
    pub fn weight(&self) -> u32 {
        match self {
            Value::Null => 1,
            Value::Bool(b) => 2 + u32::from(*b),
            Value::Number(n) => (*n * 8.0) as u32,
            Value::String(s) => s.len() as u32,
            Value::Array(items) => items.iter().map(Value::weight).sum(),
            Value::Object(members) => members.iter().map(|(k, v)| k.len() as u32 + v.weight()).sum(),
        }
    }
}

pub fn example() -> String {
    let items: Vec<String> = (0..100)
        .map(|i| {
            format!(
                r#"{{"id": {i}, "name": "item \"{}\"", "tags": ["red", "green", null, true, false], "price": {}.{}}}"#,
                i * 7919,
                i * 31 % 997,
                i % 100,
            )
        })
        .collect();
    format!("[{}]", items.join(",\n "))
}

pub fn parse(text: &str) -> Option<Value> {
    let mut p = Parser { text: text.as_bytes(), at: 0 };
    let value = p.value(0)?;
    p.space();
    (p.at == p.text.len()).then_some(value)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.text.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text[self.at..].starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            value
        })
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > 100 {
            return None;
        }
        self.space();
        match self.text.get(self.at)? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Value::String),
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: u32) -> Option<Value> {
        self.at += 1;
        let mut members = BTreeMap::new();
        self.space();
        if self.take(b'}').is_some() {
            return Some(Value::Object(members));
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.take(b':')?;
            members.insert(key, self.value(depth + 1)?);
            self.space();
            if self.take(b',').is_none() {
                return self.take(b'}').map(|()| Value::Object(members));
            }
        }
    }

    fn array(&mut self, depth: u32) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(b']').is_some() {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b',').is_none() {
                return self.take(b']').map(|()| Value::Array(items));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut out = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => {
                    out.push(*self.text.get(self.at)?);
                    self.at += 1;
                }
                _ => out.push(byte),
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let from = self.at;
        while matches!(self.text.get(self.at), Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')) {
            self.at += 1;
        }
        std::str::from_utf8(&self.text[from..self.at]).ok()?.parse().ok().map(Value::Number)
    }
}
