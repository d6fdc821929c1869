//! Tests of chainrun.zig, on this machine: zig test chainrun_test.zig

const std = @import("std");
const chainrun = @import("chainrun.zig");
const expect = std.testing.expect;
const expectEqualStrings = std.testing.expectEqualStrings;

const Color = enum { red, green };
const Tree = struct { name: []const u8, left: ?*const Tree = null, right: ?*const Tree = null };
const All = struct {
    flag: bool,
    small: u8 = 7,
    big: i64,
    half: f64,
    text: []const u8,
    list: []const i32,
    pair: [2]u16 = .{ 1, 2 },
    code: [2]u8 = "de".*,
    color: Color = .green,
    maybe: ?u16,
    any: chainrun.Raw = .{ .json = "[]" },
    tree: ?Tree = null,
};

fn same(_: *chainrun.Call, in: All) All {
    return in;
}

fn repeated(comptime text: []const u8, comptime n: usize) []const u8 {
    var all: []const u8 = "";
    for (0..n) |_| all = all ++ text;
    return all;
}

/// Holds what an entry gives against what it must give.
fn expectAttempt(comptime f: anytype, input: []const u8, failed: bool, want: []const u8) !void {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const got = chainrun.attempt(f, arena.allocator(), input);
    try expectEqualStrings(want, got.json);
    try expect(got.failed == failed);
}

fn expectRefused(input: []const u8, message: []const u8) !void {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const got = chainrun.attempt(same, arena.allocator(), input);
    try expect(got.failed);
    const failure = try std.json.parseFromSliceLeaky(chainrun.Failure, arena.allocator(), got.json, .{});
    try expectEqualStrings("bad_input", failure.code);
    try expectEqualStrings(message, failure.message);
}

test "documents of every type" {
    try expectAttempt(same,
        \\ {"flag": true, "big": 3.0, "half": 1, "text": "\u00e9\n", "list": [1, -2], "unknown": {"a": [null]}}
    , false,
        \\{"flag":true,"small":7,"big":3,"half":1,"text":"é\n","list":[1,-2],"pair":[1,2],"code":"de","color":"green","maybe":null,"any":[],"tree":null}
    );
    try expectAttempt(same,
        \\{"flag":false,"small":255,"big":-9223372036854775808,"half":0.5,"text":"","list":[],"pair":[0,9],"code":"ch","color":"red","maybe":5,
        \\"any": {"n": 1.00000000000000000001, "s": "\u0041"},"tree":{"name":"a","right":{"name":"b"}}}
    , false,
        \\{"flag":false,"small":255,"big":-9223372036854775808,"half":0.5,"text":"","list":[],"pair":[0,9],"code":"ch","color":"red","maybe":5,"any":{"n": 1.00000000000000000001, "s": "\u0041"},"tree":{"name":"a","left":null,"right":{"name":"b","left":null,"right":null}}}
    );
}

test "what is refused, and where" {
    const before = "{\"flag\":true,\"big\":1,\"half\":1,\"text\":\"\",\"list\":[],";
    try expectRefused("[1]", "\"\" must be an object, found [1]");
    try expectRefused("{}", "\"/flag\" must be there, found nothing");
    try expectRefused("{\"flag\":1}", "\"/flag\" must be true or false, found 1");
    try expectRefused("{\"big\":\"1\"}", "\"/big\" must be an integer of -9223372036854775808 to 9223372036854775807, found \"1\"");
    try expectRefused(before ++ "\"small\":256}", "\"/small\" must be an integer of 0 to 255, found 256");
    try expectRefused(before ++ "\"small\":1.5}", "\"/small\" must be an integer of 0 to 255, found 1.5");
    try expectRefused(before ++ "\"small\":-1}", "\"/small\" must be an integer of 0 to 255, found -1");
    try expectRefused("{\"half\":1e999}", "\"/half\" must be a smaller number, found 1e999");
    try expectRefused("{\"half\":\"1\"}", "\"/half\" must be a number, found \"1\"");
    try expectRefused("{\"text\":[97]}", "\"/text\" must be a string, found [97]");
    try expectRefused("{\"list\":[1,\"a\"]}", "\"/list/1\" must be an integer of -2147483648 to 2147483647, found \"a\"");
    try expectRefused("{\"pair\":[1]}", "\"/pair\" must be a list of 2, found 1");
    try expectRefused("{\"code\":\"ger\"}", "\"/code\" must be a string of 2 bytes, found 3");
    try expectRefused("{\"code\":[1,2]}", "\"/code\" must be a string of 2 bytes, found [1,2]");
    try expectRefused("{\"color\":\"blue\"}", "\"/color\" must be \"red\" or \"green\", found \"blue\"");
    try expectRefused("{\"tree\":{\"name\":\"a\",\"left\":{\"name\":1}}}", "\"/tree/left/name\" must be a string, found 1");
    try expectRefused("{\"flag\":\"" ++ comptime repeated("é", 60) ++ "\"}", "\"/flag\" must be true or false, found \"" ++ comptime repeated("é", 49) ++ "…");
    try expectRefused("", "the input is no JSON, at byte 0");
    try expectRefused("{\"flag\":true", "the input is no JSON, at byte 12");
    try expectRefused(before ++ "\"maybe\":null} x", "the input is no JSON, at byte 64");
    try expectRefused("{\"any\":[1,}", "the input is no JSON, at byte 10");
}

fn fails(call: *chainrun.Call, in: u8) !u8 {
    return switch (in) {
        0 => call.fail("zero", "no {d} \"here\"", .{in}),
        1 => call.failWith(.{ .code = "busy", .message = "later", .retryable = true }),
        2 => error.Overflow,
        3 => blk: {
            _ = call.ask(u8, "kv", "get", .{ .key = "a" }) catch break :blk 30;
            break :blk 31;
        },
        4 => try call.ask(u8, "kv", "get", {}),
        else => in,
    };
}

test "failures" {
    try expectAttempt(fails, "0", true, "{\"code\":\"zero\",\"message\":\"no 0 \\\"here\\\"\",\"retryable\":false}");
    try expectAttempt(fails, "1", true, "{\"code\":\"busy\",\"message\":\"later\",\"retryable\":true}");
    try expectAttempt(fails, "2", true, "{\"code\":\"error\",\"message\":\"Overflow\",\"retryable\":false}");
    try expectAttempt(fails, "3", false, "30");
    try expectAttempt(fails, "4", true, "{\"code\":\"capability_denied\",\"message\":\"there is no host\",\"retryable\":false}");
    try expectAttempt(fails, "5", false, "5");
}

const long = blk: {
    @setEvalBranchQuota(100_000);
    break :blk "[" ++ repeated("1,", 5000) ++ "2]";
};

fn host(capability: []const u8, method: []const u8, payload: []const u8) chainrun.TestAnswer {
    if (std.mem.eql(u8, method, "config")) return .{ .json = "{\"factor\": 3}" };
    if (std.mem.eql(u8, method, "feedback")) return .{ .json = "[{\"pointer\":\"/a\",\"keyword\":\"type\",\"message\":\"m\",\"found\":[1]}]" };
    if (std.mem.eql(u8, method, "log")) return .{};
    if (std.mem.eql(u8, capability, "clerk") and std.mem.eql(u8, payload, "{\"q\":1}")) return .{ .json = long };
    return .{ .json = "{\"code\":\"capability_error\",\"reason\":\"http_429\",\"message\":\"slow down\",\"retryable\":true,\"more\":1}", .failed = true };
}

const Config = struct { factor: u8 = 2, other: u8 = 5 };
const Asked = struct { factor: u8, other: u8, pointer: []const u8, found: ?chainrun.Raw, count: usize };

fn asks(call: *chainrun.Call, in: bool) !Asked {
    const config = try call.config(Config);
    const feedback = try call.feedback();
    call.log(.warn, "asking", .{ .in = in });
    const answer = try call.ask([]const u16, "clerk", "ask", .{ .q = @as(u8, if (in) 1 else 2) });
    return .{
        .factor = config.factor,
        .other = config.other,
        .pointer = feedback[0].pointer,
        .found = feedback[0].found,
        .count = answer.len,
    };
}

test "the host" {
    chainrun.test_host = host;
    try expectAttempt(asks, "true", false, "{\"factor\":3,\"other\":5,\"pointer\":\"/a\",\"found\":[1],\"count\":5001}");
    try expectAttempt(asks, "false", true, "{\"code\":\"http_429\",\"message\":\"slow down\",\"retryable\":true}");
}

test "the manifest" {
    const Input = struct { name: []const u8, n: ?u8, color: Color = .red };
    const Entries = struct {
        fn main(_: *chainrun.Call, in: Input) Input {
            return in;
        }
        fn total(_: *chainrun.Call, _: []const Tree) !chainrun.Raw {
            return error.Nothing;
        }
    };
    try expectEqualStrings("{\"name\":\"a \\\"b\\\"\",\"config\":{\"type\":\"object\",\"properties\":{\"factor\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":255},\"other\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":255}}},\"capabilities\":[\"kv\"]," ++
        "\"input\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"n\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":255},{\"type\":\"null\"}]},\"color\":{\"enum\":[\"red\",\"green\"]}},\"required\":[\"name\"]}," ++
        "\"output\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"n\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":255},{\"type\":\"null\"}]},\"color\":{\"enum\":[\"red\",\"green\"]}},\"required\":[\"name\"]}," ++
        "\"entries\":{\"total\":{\"input\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"left\":{\"anyOf\":[{},{\"type\":\"null\"}]},\"right\":{\"anyOf\":[{},{\"type\":\"null\"}]}},\"required\":[\"name\"]}},\"output\":{}}}}", comptime chainrun.manifest(.{ .name = "a \"b\"", .config = Config, .capabilities = &.{"kv"} }, .{ .main = Entries.main, .total = Entries.total }));
}
