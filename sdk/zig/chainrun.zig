//! A chainrun node in Zig: typed functions from a document to a document.
//!
//!     const chainrun = @import("chainrun.zig");
//!
//!     const Input = struct { name: []const u8 };
//!     const Output = struct { text: []const u8 };
//!
//!     fn greet(call: *chainrun.Call, in: Input) !Output {
//!         if (in.name.len == 0) return call.fail("no_name", "there is nobody to greet", .{});
//!         return .{ .text = try call.print("Hello, {s}!", .{in.name}) };
//!     }
//!
//!     comptime {
//!         chainrun.node(.{ .name = "greet" }, .{ .main = greet });
//!     }
//!
//!     zig build-exe node.zig -target wasm32-freestanding -fno-entry -rdynamic -O ReleaseSmall
//!
//! Types: bool, integers (3.0 is the integer 3), floats, []const u8 (a string),
//! slices and arrays (a list), enums (a string), structs (an object; what is
//! optional or has a default may be missing, and keys that the struct does not have
//! are passed over), pointers to one, and Raw (any JSON, as its text). A document
//! of another form fails the attempt with code bad_input, naming the place.
//!
//! Memory comes from call.arena and needs no freeing: an attempt starts from a fresh
//! state and takes all of it along when it ends.

const std = @import("std");
const builtin = @import("builtin");
const Allocator = std.mem.Allocator;
const is_wasm = builtin.cpu.arch.isWasm();

/// Any JSON value, as its text. Reading it checks that it is JSON.
pub const Raw = struct {
    json: []const u8,

    /// For std.json: writes the text as it is.
    pub fn jsonStringify(self: Raw, to: anytype) !void {
        try to.beginWriteRaw();
        try to.writer.writeAll(self.json);
        to.endWriteRaw();
    }
};

/// How important a record of the log is.
pub const Level = enum { debug, info, warn, @"error" };

/// One complaint of the host about what the attempt before this one returned.
pub const Violation = struct {
    /// JSON Pointer into the output, "" for all of it.
    pointer: []const u8,
    /// The rule of the schema, such as "type".
    keyword: []const u8,
    message: []const u8,
    /// What was there.
    found: ?Raw = null,
};

/// Why an attempt, or a call of a capability, did not succeed.
pub const Failure = struct {
    /// Short and stable, such as "unknown_sku": on it a graph can select.
    code: []const u8,
    /// For people.
    message: []const u8,
    /// Whether the same call may succeed later.
    retryable: bool = false,
};

/// What the functions of a Call return when the attempt shall fail. The entry hands
/// it on with `try`; where it catches it, nothing has happened.
pub const Error = error{ Failed, OutOfMemory };

/// One attempt, seen from the node.
pub const Call = struct {
    /// Lives as long as the attempt.
    arena: Allocator,
    /// The last failure, for who catches error.Failed.
    failure: ?Failure = null,

    /// Makes the attempt fail: `return call.fail("unknown_sku", "no price for {s}", .{sku});`
    pub fn fail(self: *Call, code: []const u8, comptime format: []const u8, args: anytype) Error {
        return self.failWith(.{ .code = code, .message = try self.print(format, args) });
    }

    /// As fail, with all that there is to say.
    pub fn failWith(self: *Call, failure: Failure) Error {
        self.failure = failure;
        return error.Failed;
    }

    /// A text made of others.
    pub fn print(self: *Call, comptime format: []const u8, args: anytype) Error![]u8 {
        return std.fmt.allocPrint(self.arena, format, args);
    }

    /// The node's config. Where the graph gives none, or not all of it, T's defaults
    /// hold; what has no default fails with code bad_config.
    pub fn config(self: *Call, comptime T: type) Error!T {
        const doc = try self.request("node", "config", "");
        return decode(T, self, if (doc.len == 0) "{}" else doc, "bad_config", "the config");
    }

    /// Why the host refused the output of the attempt before this one; empty in a
    /// first attempt.
    pub fn feedback(self: *Call) Error![]const Violation {
        const doc = try self.request("node", "feedback", "");
        return if (doc.len == 0) &.{} else decode([]const Violation, self, doc, "bad_feedback", "the feedback");
    }

    /// Logs a record; attrs is a struct, such as .{ .n = 3 }. Logging needs no grant.
    pub fn log(self: *Call, level: Level, message: []const u8, attrs: anytype) void {
        const record = .{ .level = level, .message = message, .attrs = attrs };
        // A line that cannot be logged must not end the attempt.
        _ = self.request("node", "log", encode(self.arena, record) catch return) catch return;
    }

    /// Asks a capability that the graph grants to this node. The answer is read as an
    /// Answer; {} as the payload sends an empty object. Where the call fails, the
    /// attempt fails as it did.
    pub fn ask(self: *Call, comptime Answer: type, capability: []const u8, method: []const u8, payload: anytype) Error!Answer {
        const json = if (@TypeOf(payload) == void) "{}" else try encode(self.arena, payload);
        const doc = try self.request(capability, method, json);
        return decode(Answer, self, if (doc.len == 0) "null" else doc, "bad_answer", "the answer");
    }

    fn request(self: *Call, capability: []const u8, method: []const u8, payload: []const u8) Error![]const u8 {
        var buffer = try self.arena.alloc(u8, 2048);
        var result = callHost(capability, method, payload, buffer);
        var len: u32 = @truncate(result);
        if (len > buffer.len) { // it is kept for us; nobody is asked again
            buffer = try self.arena.alloc(u8, len);
            result = callHost("node", "answer", "", buffer);
            len = @truncate(result);
        }
        const answer = buffer[0..len];
        if (result >> 32 == 0) return answer;
        const Said = struct { code: []const u8, reason: []const u8 = "", message: []const u8 = "", retryable: bool = false };
        const said = try decode(Said, self, answer, "bad_answer", "the failure");
        return self.failWith(.{
            .code = if (said.reason.len > 0) said.reason else said.code,
            .message = said.message,
            .retryable = said.retryable,
        });
    }
};

// The host.

const imported = struct {
    extern "chainrun_v1" fn call([*]const u8, usize, [*]const u8, usize, [*]const u8, usize, [*]u8, usize) u64;
};

fn callHost(capability: []const u8, method: []const u8, payload: []const u8, room: []u8) u64 {
    if (is_wasm) {
        return imported.call(capability.ptr, capability.len, method.ptr, method.len, payload.ptr, payload.len, room.ptr, room.len);
    }
    const again = std.mem.eql(u8, capability, "node") and std.mem.eql(u8, method, "answer");
    if (!again) test_last = test_host(capability, method, payload);
    const n = @min(room.len, test_last.json.len);
    @memcpy(room[0..n], test_last.json[0..n]);
    return @as(u64, @intFromBool(test_last.failed)) << 32 | test_last.json.len;
}

/// The host in a test on this machine. By default there is no config, no feedback,
/// and no capability.
pub var test_host: *const fn (capability: []const u8, method: []const u8, payload: []const u8) TestAnswer = noHost;

/// An answer of test_host. A failure is {"code": …, "reason": …, "message": …}.
pub const TestAnswer = struct { json: []const u8 = "", failed: bool = false };

var test_last: TestAnswer = .{};

fn noHost(capability: []const u8, _: []const u8, _: []const u8) TestAnswer {
    if (std.mem.eql(u8, capability, "node")) return .{};
    return .{ .json = "{\"code\":\"capability_denied\",\"message\":\"there is no host\"}", .failed = true };
}

// Reading.

/// Where a value stands in its document.
const Place = struct {
    up: ?*const Place = null,
    key: ?[]const u8 = null,
    index: usize = 0,

    fn write(self: *const Place, to: *std.Io.Writer) std.Io.Writer.Error!void {
        const up = self.up orelse return;
        try up.write(to);
        const key = self.key orelse return to.print("/{d}", .{self.index});
        try to.writeByte('/');
        for (key) |c| switch (c) {
            '~' => try to.writeAll("~0"),
            '/' => try to.writeAll("~1"),
            else => try to.writeByte(c),
        };
    }
};

fn decode(comptime T: type, call: *Call, doc: []const u8, code: []const u8, what: []const u8) Error!T {
    var reader: Reader = .{
        .call = call,
        .scanner = .initCompleteInput(call.arena, doc),
        .code = code,
        .what = what,
    };
    const value = try reader.read(T, &.{});
    const after = reader.scanner.next() catch return reader.noJSON();
    if (after != .end_of_document) return reader.noJSON();
    return value;
}

const Reader = struct {
    call: *Call,
    scanner: std.json.Scanner,
    code: []const u8,
    what: []const u8,

    fn noJSON(self: *Reader) Error {
        return self.call.fail(self.code, "{s} is no JSON, at byte {d}", .{ self.what, self.scanner.cursor });
    }

    fn peek(self: *Reader) Error!std.json.TokenType {
        return self.scanner.peekNextTokenType() catch self.noJSON();
    }

    fn next(self: *Reader) Error!std.json.Token {
        return self.scanner.nextAllocMax(self.call.arena, .alloc_if_needed, self.scanner.input.len) catch |err|
            if (err == error.OutOfMemory) error.OutOfMemory else self.noJSON();
    }

    /// The value that comes now, as its text.
    fn raw(self: *Reader) Error![]const u8 {
        _ = try self.peek();
        const from = self.scanner.cursor;
        self.scanner.skipValue() catch |err|
            return if (err == error.OutOfMemory) error.OutOfMemory else self.noJSON();
        return self.scanner.input[from..self.scanner.cursor];
    }

    /// Fails: what comes now is not what must be there.
    fn refuse(self: *Reader, place: *const Place, must: []const u8) Error {
        return self.refuseText(place, must, try self.raw());
    }

    fn refuseText(self: *Reader, place: *const Place, must: []const u8, text: []const u8) Error {
        var found = text;
        while (found.len > 100 or (found.len < text.len and found.len > 0 and text[found.len] & 0xc0 == 0x80)) found.len -= 1;
        var pointer: std.Io.Writer.Allocating = .init(self.call.arena);
        place.write(&pointer.writer) catch return error.OutOfMemory;
        return self.call.fail(self.code, "\"{s}\" must be {s}, found {s}{s}", .{
            pointer.written(), must, found,
            if (found.len < text.len) "…" else "",
        });
    }

    fn read(self: *Reader, comptime T: type, place: *const Place) Error!T {
        if (T == Raw) return .{ .json = try self.raw() };
        const kind = try self.peek();
        switch (@typeInfo(T)) {
            .bool => {
                if (kind != .true and kind != .false) return self.refuse(place, "true or false");
                return try self.next() == .true;
            },
            .int => {
                const must = std.fmt.comptimePrint("an integer of {d} to {d}", .{ std.math.minInt(T), std.math.maxInt(T) });
                if (kind != .number) return self.refuse(place, must);
                const text = (try self.number());
                if (std.json.Scanner.isNumberFormattedLikeAnInteger(text)) {
                    return std.fmt.parseInt(T, text, 10) catch self.refuseText(place, must, text);
                }
                const float = std.fmt.parseFloat(f64, text) catch return self.noJSON();
                if (@abs(float) <= 1 << 53 and @round(float) == float) {
                    if (std.math.cast(T, @as(i64, @round(float)))) |n| return n;
                }
                return self.refuseText(place, must, text);
            },
            .float => {
                if (kind != .number) return self.refuse(place, "a number");
                const text = try self.number();
                const float = std.fmt.parseFloat(T, text) catch return self.noJSON();
                return if (std.math.isFinite(float)) float else self.refuseText(place, "a smaller number", text);
            },
            .optional => |o| {
                if (kind != .null) return try self.read(o.child, place);
                _ = try self.next();
                return null;
            },
            .@"enum" => |e| {
                comptime var must: []const u8 = "";
                inline for (e.field_names, 0..) |name, i| must = must ++ (if (i > 0) " or \"" else "\"") ++ name ++ "\"";
                if (kind != .string) return self.refuse(place, must);
                const text = try self.string();
                return std.meta.stringToEnum(T, text) orelse
                    self.refuseText(place, must, try encode(self.call.arena, text));
            },
            .pointer => |p| switch (p.size) {
                .one => {
                    const value = try self.call.arena.create(p.child);
                    value.* = try self.read(p.child, place);
                    return value;
                },
                .slice => {
                    if (p.child == u8) return if (kind == .string) try self.string() else self.refuse(place, "a string");
                    if (kind != .array_begin) return self.refuse(place, "a list");
                    var list: std.ArrayList(p.child) = .empty;
                    _ = try self.next();
                    while (try self.peek() != .array_end) {
                        try list.append(self.call.arena, try self.read(p.child, &.{ .up = place, .index = list.items.len }));
                    }
                    _ = try self.next();
                    return list.items;
                },
                else => @compileError("chainrun cannot read a " ++ @typeName(T)),
            },
            .array => |a| {
                const is_text = a.child == u8; // as std.json writes it
                const must = std.fmt.comptimePrint(if (is_text) "a string of {d} bytes" else "a list of {d}", .{a.len});
                if (kind != if (is_text) .string else .array_begin) return self.refuse(place, must);
                const items = try self.read([]const a.child, place);
                if (items.len != a.len) return self.refuseText(place, must, try self.call.print("{d}", .{items.len}));
                return items[0..a.len].*;
            },
            .@"struct" => return self.readStruct(T, kind, place),
            else => @compileError("chainrun cannot read a " ++ @typeName(T) ++ ": use chainrun.Raw"),
        }
    }

    fn readStruct(self: *Reader, comptime T: type, kind: std.json.TokenType, place: *const Place) Error!T {
        const info = @typeInfo(T).@"struct";
        if (info.is_tuple) @compileError("chainrun cannot read a tuple: use a struct or an array");
        if (kind != .object_begin) return self.refuse(place, "an object");
        var value: T = undefined;
        var seen: [info.field_names.len]bool = @splat(false);
        _ = try self.next();
        while (try self.peek() != .object_end) {
            const key = try self.string();
            inline for (info.field_names, info.field_types, 0..) |name, Field, i| {
                if (std.mem.eql(u8, name, key)) {
                    @field(value, name) = try self.read(Field, &.{ .up = place, .key = name });
                    seen[i] = true;
                    break;
                }
            } else _ = try self.raw();
        }
        _ = try self.next();
        inline for (info.field_names, info.field_types, info.field_attrs, 0..) |name, Field, attrs, i| {
            if (!seen[i]) {
                if (attrs.defaultValue(Field)) |default| {
                    @field(value, name) = default;
                } else if (@typeInfo(Field) == .optional) {
                    @field(value, name) = null;
                } else {
                    return self.refuseText(&.{ .up = place, .key = name }, "there", "nothing");
                }
            }
        }
        return value;
    }

    fn number(self: *Reader) Error![]const u8 {
        return switch (try self.next()) {
            inline .number, .allocated_number => |text| text,
            else => self.noJSON(),
        };
    }

    fn string(self: *Reader) Error![]const u8 {
        return switch (try self.next()) {
            inline .string, .allocated_string => |text| text,
            else => self.noJSON(),
        };
    }
};

fn encode(arena: Allocator, value: anytype) Error![]const u8 {
    if (@TypeOf(value) == void) return "null";
    return std.json.Stringify.valueAlloc(arena, value, .{});
}

// The manifest.

/// What the module says of itself. Schemas come from the entries' types.
pub const About = struct {
    name: []const u8 = "",
    version: []const u8 = "",
    description: []const u8 = "",
    author: []const u8 = "",
    license: []const u8 = "",
    homepage: []const u8 = "",
    /// The type of the config, for its schema.
    config: type = void,
    /// What the graph has to grant.
    capabilities: []const []const u8 = &.{},
};

/// The JSON Schema of a type, at comptime.
pub fn schema(comptime T: type) []const u8 {
    @setEvalBranchQuota(100_000);
    if (T == Raw or T == void) return "{}";
    switch (@typeInfo(T)) {
        .bool => return "{\"type\":\"boolean\"}",
        .int => |i| {
            if (i.bits > 53) return if (i.signedness == .unsigned) "{\"type\":\"integer\",\"minimum\":0}" else "{\"type\":\"integer\"}";
            return std.fmt.comptimePrint("{{\"type\":\"integer\",\"minimum\":{d},\"maximum\":{d}}}", .{ std.math.minInt(T), std.math.maxInt(T) });
        },
        .float => return "{\"type\":\"number\"}",
        .optional => |o| return "{\"anyOf\":[" ++ schema(o.child) ++ ",{\"type\":\"null\"}]}",
        .@"enum" => |e| {
            var names: []const u8 = "";
            for (e.field_names, 0..) |name, i| names = names ++ (if (i > 0) "," else "") ++ quoted(name);
            return "{\"enum\":[" ++ names ++ "]}";
        },
        .pointer => |p| {
            if (p.size == .one) return "{}"; // perhaps the type itself
            if (p.child == u8) return "{\"type\":\"string\"}";
            return "{\"type\":\"array\",\"items\":" ++ schema(p.child) ++ "}";
        },
        .array => |a| return if (a.child == u8) "{\"type\":\"string\"}" else std.fmt.comptimePrint("{{\"type\":\"array\",\"items\":{s},\"minItems\":{d},\"maxItems\":{d}}}", .{ schema(a.child), a.len, a.len }),
        .@"struct" => |s| {
            var properties: []const u8 = "";
            var required: []const u8 = "";
            for (s.field_names, s.field_types, s.field_attrs, 0..) |name, Field, attrs, i| {
                properties = properties ++ (if (i > 0) "," else "") ++ quoted(name) ++ ":" ++ schema(Field);
                if (attrs.defaultValue(Field) == null and @typeInfo(Field) != .optional) {
                    required = required ++ (if (required.len > 0) "," else "") ++ quoted(name);
                }
            }
            return "{\"type\":\"object\",\"properties\":{" ++ properties ++ "}" ++
                (if (required.len > 0) ",\"required\":[" ++ required ++ "]" else "") ++ "}";
        },
        else => return "{}",
    }
}

/// The manifest of a module with these entries, at comptime.
pub fn manifest(comptime about: About, comptime entries: anytype) []const u8 {
    var fields: []const u8 = "";
    for (.{ "name", "version", "description", "author", "license", "homepage" }) |name| {
        const text = @field(about, name);
        if (text.len > 0) fields = fields ++ "," ++ quoted(name) ++ ":" ++ quoted(text);
    }
    if (about.config != void) fields = fields ++ ",\"config\":" ++ schema(about.config);
    if (about.capabilities.len > 0) {
        var names: []const u8 = "";
        for (about.capabilities, 0..) |name, i| names = names ++ (if (i > 0) "," else "") ++ quoted(name);
        fields = fields ++ ",\"capabilities\":[" ++ names ++ "]";
    }
    var further: []const u8 = "";
    for (@typeInfo(@TypeOf(entries)).@"struct".field_names) |name| {
        const f = @field(entries, name);
        const schemas = "\"input\":" ++ schema(InputOf(f)) ++ ",\"output\":" ++ schema(OutputOf(f));
        if (std.mem.eql(u8, name, "main")) fields = fields ++ "," ++ schemas else {
            further = further ++ (if (further.len > 0) "," else "") ++ quoted(name) ++ ":{" ++ schemas ++ "}";
        }
    }
    if (further.len > 0) fields = fields ++ ",\"entries\":{" ++ further ++ "}";
    return "{" ++ (if (fields.len > 0) fields[1..] else "") ++ "}";
}

/// A JSON string.
fn quoted(comptime text: []const u8) []const u8 {
    var json: []const u8 = "\"";
    for (text) |c| json = json ++ switch (c) {
        '"', '\\' => "\\" ++ [_]u8{c},
        0...0x1f => std.fmt.comptimePrint("\\u{x:0>4}", .{c}),
        else => &[_]u8{c},
    };
    return json ++ "\"";
}

fn InputOf(comptime f: anytype) type {
    const params = @typeInfo(@TypeOf(f)).@"fn".param_types;
    if (params.len != 2 or params[0] != *Call) @compileError("an entry is fn (*chainrun.Call, Input) !Output");
    return params[1].?;
}

fn OutputOf(comptime f: anytype) type {
    const T = @typeInfo(@TypeOf(f)).@"fn".return_type.?;
    return if (@typeInfo(T) == .error_union) @typeInfo(T).error_union.payload else T;
}

// Entries.

/// Makes a module of functions `fn (*Call, Input) !Output`: entries.main is the node,
/// every other field of entries a further entry of its name, which a graph names
/// with entry = "name". To be called once, at comptime. On this machine, in tests, it
/// does nothing.
pub fn node(comptime about: About, comptime entries: anytype) void {
    if (!is_wasm) return;
    @export(&alloc, .{ .name = "chainrun_alloc" });
    const described = struct {
        fn describe() callconv(.c) u64 {
            return pack(comptime manifest(about, entries), false);
        }
    };
    @export(&described.describe, .{ .name = "chainrun_describe_v1" });
    for (@typeInfo(@TypeOf(entries)).@"struct".field_names) |name| {
        const f = @field(entries, name);
        const entry = struct {
            fn run(input: [*]const u8, len: usize) callconv(.c) u64 {
                const outcome = attempt(f, memory.allocator(), input[0..len]);
                return pack(outcome.json, outcome.failed);
            }
        };
        @export(&entry.run, .{ .name = "chainrun_run_v1" ++ if (std.mem.eql(u8, name, "main")) "" else ":" ++ name });
    }
}

/// What came of an attempt: the output, or the error document.
pub const Outcome = struct { json: []const u8, failed: bool };

/// Makes one attempt of an entry, as the host does: for tests too.
pub fn attempt(comptime f: anytype, arena: Allocator, input: []const u8) Outcome {
    var call: Call = .{ .arena = arena };
    const json = attemptOutput(f, &call, input) catch |err| {
        if (err == error.OutOfMemory) @panic("out of memory");
        const failure: Failure = if (err == error.Failed and call.failure != null)
            call.failure.?
        else
            .{ .code = "error", .message = @errorName(err) };
        return .{ .json = encode(arena, failure) catch @panic("out of memory"), .failed = true };
    };
    return .{ .json = json, .failed = false };
}

fn attemptOutput(comptime f: anytype, call: *Call, input: []const u8) anyerror![]const u8 {
    const output = f(call, try decode(InputOf(f), call, input, "bad_input", "the input"));
    return encode(call.arena, if (@typeInfo(@TypeOf(output)) == .error_union) try output else output);
}

var memory: std.heap.ArenaAllocator = .init(if (is_wasm) std.heap.wasm_allocator else std.heap.page_allocator);

fn alloc(size: usize) callconv(.c) ?[*]u8 {
    const room = memory.allocator().alloc(u8, size) catch return null;
    return room.ptr;
}

fn pack(json: []const u8, failed: bool) u64 {
    if (json.len > 0x7fff_ffff) @panic("the document is too large");
    return @as(u64, @intFromPtr(json.ptr)) << 32 | @as(u64, @intFromBool(failed)) << 31 | json.len;
}
