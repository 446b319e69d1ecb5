//! How a workflow is run: as a library, as a program, and as a worker of either.

/// Lets a test program serve as its own worker processes. This is needed once in a file in `tests/` that runs a
/// workflow of a library with process branches. A file that calls `include_workflow!` itself does not need it.
///
/// ```
/// tea_runtime::test_workers!();
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! test_workers {
    () => {
        /// Serves as a worker of this test program. When run as a test, it passes at once.
        #[cfg(test)]
        #[::core::prelude::v1::test]
        fn tea_worker() {
            // Here, since it is to be registered where the test is: there are none without a harness.
            $crate::__private::inventory::submit! {
                $crate::__private::TestEntry(::core::concat!(::core::module_path!(), "::tea_worker"), || {
                    ::core::any::type_name_of_val(&tea_worker)
                })
            }
            $crate::test_entry();
        }
    };
}

/// The functions that run the workflow.
#[doc(hidden)]
#[macro_export]
macro_rules! __entries {
    (($vis:vis)) => {
        /// Runs the workflow with the settings of its file.
        ///
        /// # Errors
        /// If the run fails.
        $vis fn run(input: Input) -> ::core::result::Result<Output, $crate::__private::Error> {
            builder().run(input)
        }

        /// A builder for a run with limits, cancellation, listeners and the like.
        #[must_use]
        $vis fn builder() -> $crate::__private::Builder<Workflow> {
            $crate::__private::Builder::new()
        }

        $crate::__private::inventory::submit! { $crate::__private::Registered(&PLAN) }

        $crate::test_workers! {}

        $crate::with_cli! {
            /// Runs the workflow as a program.
            #[must_use]
            $vis fn main() -> ::std::process::ExitCode {
                main_from(::std::env::args_os())
            }

            /// Like `main`, with this command line, whose first argument is the program's name. For subcommands, for
            /// example.
            #[must_use]
            $vis fn main_from<A: ::core::convert::Into<::std::ffi::OsString>>(
                args: impl ::core::iter::IntoIterator<Item = A>,
            ) -> ::std::process::ExitCode {
                $crate::program::start::<Workflow>(args, ::core::convert::identity)
            }

            /// Like `main`, but `change` can change how the workflow is run, for example with listeners, policies or an
            /// executor.
            #[must_use]
            $vis fn cli(
                change: impl ::core::ops::FnOnce($crate::__private::Builder<Workflow>) -> $crate::__private::Builder<Workflow>,
            ) -> ::std::process::ExitCode {
                $crate::program::start::<Workflow>(::std::env::args_os(), change)
            }
        }
    };
}

/// The ways to run a workflow that does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! __stub {
    (($vis:vis)) => {
        /// Stands in for the workflow.
        $vis struct Workflow;

        impl $crate::__private::Workflow for Workflow {
            type Input = Input;
            type Output = Output;
            type State = State;
            const PLAN: &'static $crate::__private::Plan = ::core::panic!();
            fn inputs(_: Input) -> ::std::vec::Vec<(u32, $crate::__private::Value)> {
                ::core::panic!()
            }
            fn output(
                _: $crate::__private::View,
            ) -> ::core::result::Result<Output, ::std::boxed::Box<$crate::__private::Failure>> {
                ::core::panic!()
            }
            fn state(_: $crate::__private::View) -> State {
                ::core::panic!()
            }
        }

        /// Stands in for the workflow's.
        $vis fn run(_: Input) -> ::core::result::Result<Output, $crate::__private::Error> {
            ::core::panic!()
        }

        /// Stands in for the workflow's.
        #[must_use]
        $vis fn builder() -> $crate::__private::Builder<Workflow> {
            ::core::panic!()
        }

        /// Stands in for the workflow's.
        $vis fn main() -> ::std::process::ExitCode {
            ::core::panic!()
        }

        /// Stands in for the workflow's.
        $vis fn main_from<A>(_: A) -> ::std::process::ExitCode {
            ::core::panic!()
        }

        /// Stands in for the workflow's.
        $vis fn cli(
            _: impl ::core::ops::FnOnce($crate::__private::Builder<Workflow>) -> $crate::__private::Builder<Workflow>,
        ) -> ::std::process::ExitCode {
            ::core::panic!()
        }
    };
}

/// The program's `main`.
#[doc(hidden)]
#[macro_export]
macro_rules! __entry {
    ($flow:ident) => {
        fn main() -> ::std::process::ExitCode {
            $flow::main()
        }
    };
}

/// A workflow says `remote`, at `$place`: nothing, with the feature that it needs.
#[doc(hidden)]
#[cfg(feature = "remote")]
#[macro_export]
macro_rules! __remote {
    ($place:literal) => {};
}

/// A workflow says `remote`, at `$place`, which this build of the runtime does not have.
#[doc(hidden)]
#[cfg(not(feature = "remote"))]
#[macro_export]
macro_rules! __remote {
    ($place:literal) => {
        ::core::compile_error!(::core::concat!(
            "`remote` at ",
            $place,
            " needs the feature `remote` of tea-runtime: add `features = [\"remote\"]` to `tea-runtime` in Cargo.toml, or run \
             `cargo add tea-runtime --features remote`"
        ));
    };
}
