package corpus

// The list.

const (
	wazeroData = "go:github.com/tetratelabs/wazero@v1.12.0"
	extismData = "go:github.com/extism/go-sdk@v1.7.1"
)

// A foreign module, and what is expected of it.
type foreign struct {
	file
	made    string // by which language or toolchain
	refused string // part of the reason why it is not taken; empty where it is
}

// modules are pinned by what they hold.
var modules = map[string]foreign{
	"gofmt":          {file: file{"npm:@wasm-fmt/gofmt@0.7.3", "gofmt.wasm", "24da2e1b76c0ed5e4e3652aab25525ddce2fad95853a519b1e7750df45911c86"}, made: "TinyGo, no imports"},
	"argon2":         {file: file{"npm:@phi-ag/argon2@0.5.28", "dist/argon2.wasm", "38f461d188b5dc980881ed92f9ecc12473e9206a588625e3ef0c4c5125dc85b1"}, made: "C with SIMD, no imports"},
	"brotli":         {file: file{"npm:brotli-wasm@3.0.1", "pkg.web/brotli_wasm_bg.wasm", "9ef0a025046bf7d87b7cdb8eac3f73a5c8fea2f1adb848cc9768345573fcd8a9"}, made: "Rust, wasm-bindgen"},
	"resvg":          {file: file{"npm:@resvg/resvg-wasm@2.6.2", "index_bg.wasm", "22bf6e9f9a100d972da0411a69c5ba504367fc1fa87b3b64e3f35e53926d2d70"}, made: "Rust, wasm-bindgen"},
	"zstd":           {file: file{"npm:@bokuweb/zstd-wasm@0.0.27", "dist/common/zstd.wasm", "80260eee5795ee8072bb5821e203730c74dca3909938f5ac1128da67f96223df"}, made: "C, Emscripten"},
	"tree-sitter":    {file: file{"npm:web-tree-sitter@0.27.1", "web-tree-sitter.wasm", "beca80e44cccbf2299ed4d1e3fa6462a9a6fe818aeebf847547a392227ce4acc"}, made: "C, Emscripten, dynamically linked"},
	"quickjs-ng":     {file: file{"npm:@jitl/quickjs-ng-wasmfile-release-sync@0.32.0", "dist/emscripten-module.wasm", "b56fe5094b8751c47b8c32fb5ed4d75afe2dbb43412d3d983ac5d1156af456da"}, made: "C, Emscripten"},
	"esbuild":        {file: file{"npm:@esbuild/wasi-preview1@0.27.2", "esbuild.wasm", "ed4ef442d8db48e201bf5f55b8cd6a8fb65d21bcfa2705cc5a7381ceed33f008"}, made: "Go, WASI"},
	"webp":           {file: file{"go:github.com/gen2brain/webp@v0.5.5", "lib/webp.wasm.gz", "fbae2345bbfcb98575ae5e66eba1b69383ccff6615b680edbc6413a33906ae42"}, made: "C, no imports"},
	"sqlite3":        {file: file{"go:github.com/ncruces/go-sqlite3@v0.30.0", "embed/sqlite3.wasm", "e0f1c0053503efb82c5e9df1ccfc4a7d6d5c51beac54b9ad9aed27e22e320a81"}, made: "C, functions of its host"},
	"opa":            {file: file{"go:github.com/open-policy-agent/opa@v1.10.1", "internal/compiler/wasm/opa/opa.wasm", "25def9b91ee1a65405a3c397a772a2c427e897adab04a5b16e8fe7b0c616e9e0"}, made: "C and C++, functions of its host"},
	"qjs":            {file: file{"go:github.com/fastschema/qjs@v0.0.6", "qjs.wasm", "88fcbeead33cca3ec8394feb0fb3eec8047ec9ac5062aba7a63799cee11989b7"}, made: "C, wasi-sdk"},
	"http-wasm":      {file: file{"go:github.com/http-wasm/http-wasm-host-go@v0.7.0", "tck/tck.wasm", "10ed5b3f1fbc124240526f5326d8502e85433cbcf24b1bf43080ec3c41ba856c"}, made: "TinyGo, functions of its host"},
	"wasi rust":      {file: file{wazeroData, "imports/wasi_snapshot_preview1/testdata/cargo-wasi/wasi.wasm", "5edcd1f56cab8f65a89c85d25fc245dbd166bb4ccaae6110d44700bcd1ad11b5"}, made: "Rust, WASI"},
	"wasi tinygo":    {file: file{wazeroData, "imports/wasi_snapshot_preview1/testdata/tinygo/wasi.wasm", "5696e164842965d3967d9841a0261c7ca7c1a3363a607e4b8f55f186bb21a95a"}, made: "TinyGo, WASI"},
	"wasi c":         {file: file{wazeroData, "imports/wasi_snapshot_preview1/testdata/zig-cc/wasi.wasm", "e7de85b73b260d3670a73a7307e4dfd48dd47a5593c493fb4044b5f48df6c0c3"}, made: "C by Zig, WASI"},
	"wasi zig":       {file: file{wazeroData, "imports/wasi_snapshot_preview1/testdata/zig/wasi.wasm", "298daeab00323f316a1f471d5c0674ec63b9aa820e801865ee18ac5ef22c81c3"}, made: "Zig, WASI"},
	"greet rust":     {file: file{wazeroData, "examples/allocation/rust/testdata/greet.wasm", "486ae5fd39e5438adcbfa958cfc5ee310b9b2ffec7486fb91334d0c4f81a5bb3"}, made: "Rust"},
	"greet tinygo":   {file: file{wazeroData, "examples/allocation/tinygo/testdata/greet.wasm", "456b7e606990d2d85d5cc96bd22051ae23242ba3939ede6dfc1b434450447766"}, made: "TinyGo"},
	"greet zig":      {file: file{wazeroData, "examples/allocation/zig/testdata/greet.wasm", "e21694cd78450e8eb155854872ccf44e4cbd514848a51c7ba719652e8c8d7ad2"}, made: "Zig"},
	"bench":          {file: file{wazeroData, "internal/integration_test/bench/testdata/case.wasm", "f2771df9d24054ca242e1081d122ca0721a80d7bb7f890004670c5c0591b67ca"}, made: "TinyGo"},
	"exceptions":     {file: file{wazeroData, "experimental/testdata/cpp_exceptions.wasm", "6e89dac5dce24d1635b82f6b24dec0f49de9be196590b8c07cdd4990dbddc274"}, made: "C++", refused: "value type 0x69"},
	"threads":        {file: file{wazeroData, "experimental/testdata/pthread.wasm", "67d77fdb5cc03d9db75839e7097411896879436da4202c4c0241646086e1c3bb"}, made: "C", refused: "shared memory"},
	"extism rust":    {file: file{extismData, "wasm/count_vowels.wasm", "0c1779c48f56f94b3e3624d76f55e38215870c59ccb3d41f6ba8b2bc22f218f5"}, made: "Rust, Extism"},
	"extism haskell": {file: file{extismData, "wasm/hello_haskell.wasm", "efea4be59668d8155a72631eba0b87931c5c62749afe3ad9af72950848d17ef9"}, made: "Haskell, Extism"},
	"extism go":      {file: file{extismData, "wasm/fs_std.wasm", "0ef6a436e4822726a90e92b4cc746f50f3b133069b33229bff85c0a94f1919b4"}, made: "Go, Extism"},
}
