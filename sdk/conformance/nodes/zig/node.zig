//! The conformance node in Zig.

const std = @import("std");
const chainrun = @import("chainrun.zig");

const Line = struct { sku: []const u8, quantity: u64, cents: i64 };
const Order = struct { customer: []const u8, lines: []const Line };
const Total = struct { customer: []const u8, cents: i64, lines: u64 };
const Config = struct { factor: i64 = 1 };

fn echo(_: *chainrun.Call, in: chainrun.Raw) chainrun.Raw {
    return in;
}

fn total(call: *chainrun.Call, in: Order) !Total {
    const config = try call.config(Config);
    var cents: i64 = 0;
    for (in.lines) |line| {
        const quantity = std.math.cast(i64, line.quantity) orelse return error.Overflow;
        cents = try std.math.add(i64, cents, try std.math.mul(i64, quantity, line.cents));
    }
    return .{
        .customer = try std.ascii.allocUpperString(call.arena, in.customer),
        .cents = try std.math.mul(i64, cents, config.factor),
        .lines = in.lines.len,
    };
}

fn fail(call: *chainrun.Call, in: chainrun.Failure) !void {
    return call.failWith(in);
}

const Feedback = struct { count: usize, pointers: []const []const u8, keywords: []const []const u8 };

fn feedback(call: *chainrun.Call, _: chainrun.Raw) !Feedback {
    const violations = try call.feedback();
    const pointers = try call.arena.alloc([]const u8, violations.len);
    const keywords = try call.arena.alloc([]const u8, violations.len);
    for (violations, pointers, keywords) |v, *pointer, *keyword| {
        pointer.* = v.pointer;
        keyword.* = v.keyword;
    }
    return .{ .count = violations.len, .pointers = pointers, .keywords = keywords };
}

const Question = struct { capability: []const u8, method: []const u8, payload: chainrun.Raw };
const Answer = struct { answer: chainrun.Raw };

fn ask(call: *chainrun.Call, in: Question) !Answer {
    return .{ .answer = try call.ask(chainrun.Raw, in.capability, in.method, in.payload) };
}

const Lines = struct { lines: u64 };

fn log(call: *chainrun.Call, in: Lines) !Lines {
    for (0..@intCast(in.lines)) |i| {
        call.log(.info, try call.print("line {d}", .{i}), .{ .i = i });
    }
    return in;
}

comptime {
    chainrun.node(.{ .name = "conformance", .config = Config }, .{
        .echo = echo,
        .total = total,
        .fail = fail,
        .feedback = feedback,
        .ask = ask,
        .log = log,
    });
}
