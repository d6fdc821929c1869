// Package telemetry turns the events of runs into OpenTelemetry's traces,
// metrics and logs.
//
// [New] reads the standard environment variables and nothing else. Where they
// name no place to send to, a [Telemetry] is off and costs nothing. Give
// [Telemetry.Observe] to host.WithObserver, and [Telemetry.Handler] to the logger
// that receives what nodes log; call [Telemetry.Shutdown] before the process ends.
//
// A trace is a run: run → step → attempt → call of a capability. Its id, and that
// of every span, is a hash of the run's id and of what the span is about, so that
// a run that goes on in another process goes on in the same trace, and so that a
// log record finds its span without asking anybody.
//
// Telemetry is about facts and never decides anything: what goes wrong with
// sending is told once, to [WithLogger], and no run notices.
package telemetry
