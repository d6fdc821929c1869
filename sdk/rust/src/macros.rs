// node!, which makes a module of functions.

/// Makes a module of functions `fn(&Context, I) -> Result<O>`, where `I` decodes
/// and `O` encodes by serde, and both have a schema by schemars. Every part may
/// be left out:
///
/// ```ignore
/// chainrun::node! {
///     main: greet,                       // the entry without a name
///     entries: { total, look_up },       // further entries, named like their functions
///     config: Config,                    // the type of the config, for the manifest
///     capabilities: ["kv", "llm"],       // what it needs, for the manifest
///     name: "greeter",                   // else the crate's
///     init: prepare,                     // fn(), called once when the module is loaded
/// }
/// ```
///
/// Version, description, author, licence and home page of the manifest are those
/// of Cargo.toml. What `init` leaves in statics is there in every attempt and
/// costs it nothing; it cannot ask the host. The manifest is `chainrun_manifest()`
/// in tests.
#[macro_export]
macro_rules! node {
    (
        $(main: $main:ident $(,)?)?
        $(entries: { $($entry:ident),* $(,)? } $(,)?)?
        $(config: $config:ident $(,)?)?
        $(capabilities: [$($capability:expr),* $(,)?] $(,)?)?
        $(name: $name:literal $(,)?)?
        $(init: $init:ident $(,)?)?
    ) => {
        /// What this module says of itself.
        #[doc(hidden)]
        #[allow(dead_code, unused_mut, clippy::vec_init_then_push)]
        fn chainrun_manifest() -> $crate::internal::Manifest {
            let mut manifest = $crate::internal::Manifest {
                name: ::std::env!("CARGO_PKG_NAME"),
                version: ::std::env!("CARGO_PKG_VERSION"),
                description: ::std::env!("CARGO_PKG_DESCRIPTION"),
                author: ::std::env!("CARGO_PKG_AUTHORS"),
                license: ::std::env!("CARGO_PKG_LICENSE"),
                homepage: ::std::env!("CARGO_PKG_HOMEPAGE"),
                ..::std::default::Default::default()
            };
            $($crate::internal::main(&mut manifest, $main);)?
            $($(manifest.entries.insert(::std::stringify!($entry), $crate::internal::entry($entry));)*)?
            $(manifest.config = $crate::internal::Manifest::input_schema::<$config>();)?
            $($(manifest.capabilities.push($capability);)*)?
            $(manifest.name = $name;)?
            manifest
        }

        #[cfg(target_family = "wasm")]
        const _: () = {
            extern "C" {
                // Made by the linker. Whoever names it says that this is a
                // reactor; else each export would run the constructors anew.
                fn __wasm_call_ctors();
            }

            #[export_name = "_initialize"]
            extern "C" fn initialize() {
                unsafe { __wasm_call_ctors() };
                $crate::internal::initialize();
                $($init();)?
            }

            #[export_name = "chainrun_alloc"]
            extern "C" fn alloc(size: usize) -> *mut u8 {
                $crate::internal::alloc(size)
            }

            #[export_name = "chainrun_describe_v1"]
            extern "C" fn describe() -> u64 {
                $crate::internal::describe_export(&chainrun_manifest())
            }

            $(
                #[export_name = "chainrun_run_v1"]
                unsafe extern "C" fn run(input: *mut u8, len: usize) -> u64 {
                    unsafe { $crate::internal::run_export(input, len, $main) }
                }
            )?

            $($(
                const _: () = {
                    #[export_name = ::std::concat!("chainrun_run_v1:", ::std::stringify!($entry))]
                    unsafe extern "C" fn run(input: *mut u8, len: usize) -> u64 {
                        unsafe { $crate::internal::run_export(input, len, $entry) }
                    }
                };
            )*)?
        };
    };
}
