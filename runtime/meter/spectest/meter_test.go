// The meter as the runner sees it.
package spectest

// sameNaNs says that the meter makes NaNs the same under every engine.
const sameNaNs = false

func throughMeter(wasm []byte) (*rewritten, error) { return asItCame(wasm) }
