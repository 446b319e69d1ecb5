//! The macros around the user's Rust. `$flow` is the generated module.

/// State key number `$id`: its type, and if it has them the default and the reducer, in any order.
#[doc(hidden)]
#[macro_export]
macro_rules! __key {
    ($flow:ident $id:literal $key:ident $KEY:ident $check:tt $($what:ident($($rust:tt)*))+) => {
        $($crate::__key_part!($what $flow $id $key $KEY $check $($rust)*);)+
    };
}

/// A part of a key: its type, what gives its `default`, or what combines two values by its `reduce`.
///
/// The first key of a type has it checked, at the type's own words and with the messages that the compiler wrote for
/// it; further ones are `like` that one. Everything else takes what the check lets through, so that a mistake gives one
/// error.
#[doc(hidden)]
#[macro_export]
macro_rules! __key_part {
    (ty $flow:ident $id:literal $key:ident $KEY:ident $check:tt $($ty:tt)+) => {
        impl $crate::__private::KeyType for $flow::keys::$key {
            type Value = $($ty)+;
            const CHECKED: $crate::__private::Checked<Self::Value> = $crate::__checked!($flow $id $check $($ty)+);
        }
    };
    (default $flow:ident $id:literal $key:ident $KEY:ident $check:tt $($body:tt)*) => {
        impl $flow::keys::$key {
            #[allow(unused_braces, unused_parens, clippy::let_and_return)]
            fn default() -> $flow::types::$key {
                let value: $flow::types::$key = $($body)*;
                value
            }
        }
    };
    (reduce $flow:ident $id:literal $key:ident $KEY:ident $check:tt $($body:tt)*) => {
        impl $flow::keys::$key {
            fn reduce(
                kind: &'static $crate::__private::Kind,
                before: $crate::__private::Value,
                written: $crate::__private::Value,
            ) -> ::core::result::Result<$crate::__private::Value, ::std::boxed::Box<$crate::__private::Failure>> {
                $crate::__private::combine($flow::key::$KEY, kind, before, written, $($body)*)
            }
        }
    };
}

/// The check of a key's type: by a function of the generated module, or `shared` or `wired` for a type of the
/// standard library, of which nothing need be proved with a message of its own.
#[doc(hidden)]
#[macro_export]
macro_rules! __checked {
    ($flow:ident $id:literal (like $like:ident) $($ty:tt)+) => {
        <$flow::keys::$like as $crate::__private::KeyType>::CHECKED.like($id)
    };
    ($flow:ident $id:literal (shared) $($ty:tt)+) => {
        $crate::__private::Checked::shared($id)
    };
    ($flow:ident $id:literal (wired) $($ty:tt)+) => {
        $crate::__private::Checked::wired($id)
    };
    ($flow:ident $id:literal (by $check:ident) $($ty:tt)+) => {
        $flow::check::$check::<$($ty)+>($id)
    };
}

/// What a type can do, as far as its keys need it: `json` where one is part of the output, `wire` where one crosses to a
/// worker or is recorded, `parse` where one is an input.
#[doc(hidden)]
#[macro_export]
macro_rules! __kind {
    ($name:literal, $json:ident, $wire:ident, $parse:ident, $key:ty) => {{
        use $crate::__private::Cannot as _;
        $crate::__private::Kind {
            clone: $crate::__private::Ready::clone(
                <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::READY,
                &<$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::CLONE,
            ),
            to_json: $crate::__to_json!($json $key),
            wire: $crate::__codec!($wire $key),
            parse: $crate::__parse!($parse $key),
            ..$crate::__private::Kind::of::<<$key as $crate::__private::KeyType>::Value>($name)
        }
    }};
}

/// Writes a type as JSON, or `none`. What is not asked for is not mentioned: rustc would ask it of the type.
#[doc(hidden)]
#[macro_export]
macro_rules! __to_json {
    (none $key:ty) => {
        ::core::option::Option::None
    };
    (json $key:ty) => {
        $crate::__private::Ready::to_json(
            <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::READY,
            &<$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::TO_JSON,
        )
    };
}

/// To and from bytes, or `none`.
#[doc(hidden)]
#[macro_export]
macro_rules! __codec {
    (none $key:ty) => {
        ::core::option::Option::None
    };
    (wire $key:ty) => {
        $crate::__private::Ready::wire(
            <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::READY,
            &const {
                $crate::__private::Wire::best(
                    <$key as $crate::__private::KeyType>::CHECKED.wire,
                    [
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::WIRE_BOTH,
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::WIRE_EQUAL,
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::WIRE_SHOWN,
                    ],
                )
            },
        )
    };
}

/// Reads a type from what a caller writes, or `none`.
#[doc(hidden)]
#[macro_export]
macro_rules! __parse {
    (none $key:ty) => {
        ::core::option::Option::None
    };
    (parse $key:ty) => {
        $crate::__private::Ready::parse(
            <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::READY,
            &const {
                $crate::__private::Parse::best(
                    [
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::FROM_PATH,
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::FROM_SOME_PATH,
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::FROM_PATHS,
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::FROM_SOME_PATHS,
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::FROM_STR,
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::FROM_TEXTS,
                    ],
                    [
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::FROM_JSON,
                        <$crate::__private::Probe<<$key as $crate::__private::KeyType>::Value>>::FROM_JSON_STR,
                    ],
                )
            },
        )
    };
}

/// A node's function. What it reads is bound to the keys' names: `key: method KEY`, by that method of the view.
#[doc(hidden)]
#[macro_export]
macro_rules! __node {
    ($flow:ident $name:ident() $reads:tt $more:tt => $($body:tt)*) => {
        $crate::__function!($flow $name (()) $reads $more { $($body)* });
    };
    ($flow:ident $name:ident($out:ident) $reads:tt $more:tt => $($body:tt)*) => {
        $crate::__function!($flow $name ($flow::types::$out) $reads $more { $($body)* });
    };
    ($flow:ident $name:ident($($out:ident,)+) $reads:tt $more:tt => $($body:tt)*) => {
        $crate::__function!($flow $name (($($flow::types::$out,)+)) $reads $more { $($body)* });
    };
    ($flow:ident $name:ident($(($($part:ident: $out:ident,)+),)+) $reads:tt $more:tt => $($body:tt)*) => {
        // Traits are implemented for tuples of so many, and longer ones are tuples of tuples.
        $crate::__function!($flow $name (($(($($flow::types::$out,)+),)+)) $reads $more {
            let ($($($part,)+)+): ($($($flow::types::$out,)+)+) = { $($body)* };
            ($(($($part,)+),)+)
        });
    };
}

/// A condition's function (`when`, `if`).
#[doc(hidden)]
#[macro_export]
macro_rules! __condition {
    ($flow:ident $name:ident $reads:tt $more:tt => $($body:tt)*) => {
        $crate::__function!($flow $name (bool) $reads $more $($body)*);
    };
}

/// The text of a question. It is a format string.
#[doc(hidden)]
#[macro_export]
macro_rules! __ask {
    ($flow:ident $name:ident $reads:tt $more:tt => $($text:tt)*) => {
        $crate::__function!($flow $name (::std::string::String) $reads $more ::std::format!($($text)*));
    };
}

/// A node that calls a workflow: the values of its inputs. The keys of the workflow (`$called`) have the types of the keys
/// that they are passed on to.
#[doc(hidden)]
#[macro_export]
macro_rules! __call {
    (
        $flow:ident $name:ident $called:ident ($($from:ident $to:ident)*) $reads:tt $more:tt =>
        $($how:ident($($what:tt)*))*
    ) => {
        impl $flow::nodes::$name {
            #[allow(unreachable_code, unused_braces, unused_mut, unused_parens, clippy::similar_names)]
            fn inputs(
                view: &$crate::__private::View,
                context: &$crate::__private::Context,
            ) -> ::core::result::Result<::std::vec::Vec<(u32, $crate::__private::Value)>, $crate::__private::NodeError> {
                $crate::__bind!($flow view context $reads $more);
                let mut inputs = ::std::vec::Vec::new();
                $($crate::__input!($how inputs view $flow $called $($what)*);)*
                ::core::result::Result::Ok(inputs)
            }
        }
        const _: () = {
            $($crate::__private::passed($called::key::$from, $flow::key::$to);)*
        };
    };
}

/// An input of a workflow that is called: it `shares` the value of a key, or some Rust `passes` a value.
#[doc(hidden)]
#[macro_export]
macro_rules! __input {
    (shares $inputs:ident $view:ident $flow:ident $called:ident $KEY:ident $ours:ident) => {
        $inputs.extend($crate::__private::shared($called::key::$KEY, $flow::key::$ours, $view));
    };
    (passes $inputs:ident $view:ident $flow:ident $called:ident $KEY:ident $key:ident $($value:tt)*) => {{
        let value: $called::types::$key = $($value)*;
        $inputs.push($crate::__private::input($called::key::$KEY, value));
    }};
}

/// A function from a view to what some of the user's Rust gives. An expression is put in the place of a value, since in
/// that of a statement `{ a } + b` is two.
#[doc(hidden)]
#[macro_export]
macro_rules! __function {
    ($flow:ident $name:ident ($out:ty) $reads:tt $more:tt $($value:tt)*) => {
        impl $flow::nodes::$name {
            // Keys may be called anything, and a node that always fails or never ends is its writer's affair.
            #[allow(
                unreachable_code,
                unused_braces,
                unused_parens,
                clippy::diverging_sub_expression,
                clippy::many_single_char_names,
                clippy::similar_names
            )]
            fn run(
                view: &$crate::__private::View,
                context: &$crate::__private::Context,
            ) -> ::core::result::Result<$out, $crate::__private::NodeError> {
                $crate::__bind!($flow view context $reads $more);
                let value: $out = $($value)*;
                ::core::result::Result::Ok(value)
            }
        }
    };
}

/// Binds what the user's Rust reads, and as far as it uses them `ctx`, `parallel_results` and `outcome`. Keys that it does not
/// name, but names something like, are there for rustc to suggest.
#[doc(hidden)]
#[macro_export]
macro_rules! __bind {
    (
        $flow:ident $view:ident $context:ident
        [$($key:ident: $method:ident $KEY:ident),*] ($($ctx:ident)?; $($results:ident)?; $($outcome:ident)?; $($near:ident)*)
    ) => {
        $(let $key = $view.$method($flow::key::$KEY); let _ = $key;)*
        $(let $ctx = $context;)?
        $(let $results = $view.parallel_results();)?
        $(let $outcome = $crate::__private::outcome($context);)?
        $(let $near = $crate::__private::NotRead; let _ = $near;)*
    };
}

/// A map, as a constant `&dyn MapSpec`: where its items come from (`given` by the user's Rust, or `in_place` in a key),
/// its body, where results and failures go, and what is done with the bytes of items and of results.
#[doc(hidden)]
#[macro_export]
macro_rules! __map {
    ($flow:ident $name:ident $output:tt $failures:tt $wire:tt body $body:tt items $items:tt) => {
        $crate::__map!($flow $name $output $failures $wire items $items body $body);
    };
    ($flow:ident $name:ident $output:tt $failures:tt (($($item:tt)*) ($($result:tt)*)) items $items:tt body $body:tt) => {
        impl $flow::nodes::$name {
            #[allow(
                unreachable_code,
                unused_braces,
                unused_parens,
                clippy::diverging_sub_expression,
                clippy::many_single_char_names,
                clippy::similar_names
            )]
            const MAP: &'static dyn $crate::__private::MapSpec = {
                $crate::__wire!(TeaItem $($item)*);
                $crate::__wire!(TeaResult $($result)*);
                &$crate::__private::map_compared(
                    $crate::__items!($flow $items),
                    $crate::__body!($flow $output $body),
                    $crate::__output!($flow $output),
                    $crate::__failures!($flow $failures),
                    (TeaItem, TeaResult),
                    $crate::__compare!($($item)*),
                    $crate::__compare!($($result)*),
                )
                .shown(|item, label| {
                    use $crate::__private::{ByDisplay as _, NotShown as _};
                    $crate::__label!(item label $items);
                })
            };
        }
    };
}

/// The label of an item, or of each of its variables.
#[doc(hidden)]
#[macro_export]
macro_rules! __label {
    ($item:ident $label:ident (sweep $(($var:ident $how:tt))+)) => {
        let $crate::__combination!($($var)+) = $item;
        $($label.part(::core::stringify!($var), &**$var, (&&$crate::__private::Item(&**$var)).show());)+
    };
    ($item:ident $label:ident $items:tt) => {
        $label.whole($item, (&&$crate::__private::Item($item)).show())
    };
}

/// The variables of a sweep, as a pattern: `(k, (mode, ()))`.
#[doc(hidden)]
#[macro_export]
macro_rules! __combination {
    () => { () };
    ($var:ident $($rest:ident)*) => { ($var, $crate::__combination!($($rest)*)) };
}

/// The values of the variables of a sweep, in pairs.
#[doc(hidden)]
#[macro_export]
macro_rules! __axes {
    ($flow:ident $view:ident $context:ident) => { () };
    ($flow:ident $view:ident $context:ident ($var:ident (in_place $KEY:ident)) $($rest:tt)*) => {
        (
            $crate::__private::listed($view.share($flow::key::$KEY)),
            $crate::__axes!($flow $view $context $($rest)*),
        )
    };
    ($flow:ident $view:ident $context:ident ($var:ident (given $reads:tt $more:tt => $($items:tt)*)) $($rest:tt)*) => {
        (
            $crate::__private::collected(|| {
                $crate::__bind!($flow $view $context $reads $more);
                let items = $($items)*;
                ::core::result::Result::Ok(items)
            })?,
            $crate::__axes!($flow $view $context $($rest)*),
        )
    };
}

/// How to tell whether an item or a result that is read from bytes is what was written.
#[doc(hidden)]
#[macro_export]
macro_rules! __compare {
    (wired $says:tt) => {
        |value| {
            use $crate::__private::{ByBoth as _, ByDebug as _, ByEqual as _, ByNothing as _};
            // The first of these traits whose bounds hold is found.
            (&&&&$crate::__private::Comparing(value)).compare()
        }
    };
    ($($other:tt)*) => {
        |_| $crate::__private::Compare::NO
    };
}

/// Where a map's items come from.
#[doc(hidden)]
#[macro_export]
macro_rules! __items {
    ($flow:ident (in_place $KEY:ident)) => {
        $crate::__private::in_place($flow::key::$KEY)
    };
    ($flow:ident (given $reads:tt $more:tt => $($items:tt)*)) => {
        $crate::__private::given(|view, context| {
            let _ = context;
            $crate::__bind!($flow view context $reads $more);
            let items = $($items)*;
            ::core::result::Result::Ok(items)
        })
    };
    ($flow:ident (sweep $($variables:tt)+)) => {
        $crate::__private::sweep(|view, context| {
            let _ = (view, context);
            ::core::result::Result::Ok($crate::__axes!($flow view context $($variables)+))
        })
    };
}

/// The variables of a map's body: the item, or those of a sweep.
#[doc(hidden)]
#[macro_export]
macro_rules! __variables {
    ($item:ident ($($var:ident)+)) => {
        let $crate::__combination!($($var)+) = $item;
        $(let $var = &**$var; let _ = $var;)+
    };
    ($item:ident $var:ident) => {
        let $var = $item;
        let _ = $var;
    };
}

/// A map's body: the user's Rust, or a call of a workflow, with its number and the key that it gives. Its result has the type
/// that the output takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __body {
    (
        $flow:ident $output:tt
        (calls $called:ident $number:literal ($($gives:ident)?) ($item:tt $(, $index:ident)?) $reads:tt $more:tt =>
        $($how:ident($($what:tt)*))*)
    ) => {
        |view, context, item, index| {
            let _ = (view, context, index);
            $crate::__variables!(item $item);
            $(let $index: usize = index; let _ = $index;)?
            $crate::__bind!($flow view context $reads $more);
            #[allow(unused_mut)]
            let mut inputs = ::std::vec::Vec::new();
            $($crate::__input!($how inputs view $flow $called $($what)*);)*
            #[allow(unused_mut, unused_variables)]
            let mut end = context.call($number, inputs)?;
            #[allow(clippy::let_unit_value)]
            let given: $crate::__result!($flow $output) = ($($crate::__private::taken(&mut end, $called::key::$gives)?)?);
            ::core::result::Result::Ok(given)
        }
    };
    ($flow:ident $output:tt (($item:tt $(, $index:ident)?) $reads:tt $more:tt => $($body:tt)*)) => {
        |view, context, item, index| {
            let _ = (view, context, index);
            $crate::__variables!(item $item);
            $(let $index: usize = index; let _ = $index;)?
            $crate::__bind!($flow view context $reads $more);
            let result: $crate::__result!($flow $output) = { $($body)* };
            ::core::result::Result::Ok(result)
        }
    };
}

/// Where a map's results go.
#[doc(hidden)]
#[macro_export]
macro_rules! __output {
    ($flow:ident ()) => {
        ()
    };
    ($flow:ident ($KEY:ident $Type:ident)) => {
        $flow::key::$KEY
    };
    ($flow:ident (reduced $KEY:ident $Type:ident)) => {
        $crate::__private::reduced($flow::key::$KEY)
    };
}

/// The type of a map's results, which is that of its output, or of the elements of that.
#[doc(hidden)]
#[macro_export]
macro_rules! __result {
    ($flow:ident ()) => {
        ()
    };
    ($flow:ident ($KEY:ident $Type:ident)) => {
        <$flow::types::$Type as $crate::__private::MapList>::Result
    };
    ($flow:ident (reduced $KEY:ident $Type:ident)) => {
        $flow::types::$Type
    };
}

/// Where a map's failures go.
#[doc(hidden)]
#[macro_export]
macro_rules! __failures {
    ($flow:ident ()) => {
        ::core::option::Option::None
    };
    ($flow:ident ($KEY:ident)) => {
        ::core::option::Option::Some($flow::key::$KEY)
    };
}

/// What is done with the bytes of a map's items, or of its results: nothing (`local`), they go to other processes or
/// into records and back (`wired`), or they are known by them (`hashed`). What follows is what to say of a type that
/// has none.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire {
    ($name:ident local) => {
        use $crate::__private::Local as $name;
    };
    ($name:ident wired $says:tt) => {
        $crate::__wire!($name Wired $says ($crate::__private::Serialize + $crate::__private::DeserializeOwned + 'static));
    };
    ($name:ident hashed $says:tt) => {
        $crate::__wire!($name Hashed $says ($crate::__private::Serialize + 'static));
    };
    ($name:ident $codec:ident ($message:literal $label:literal $($note:literal)*) ($($bounds:tt)*)) => {
        #[::core::prelude::v1::derive(::core::clone::Clone, ::core::marker::Copy)]
        struct $name;
        const _: () = {
            #[diagnostic::on_unimplemented(message = $message, label = $label, $(note = $note),*)]
            trait TeaBytes: $($bounds)* {}
            #[diagnostic::do_not_recommend]
            impl<T: $($bounds)*> TeaBytes for T {}
            impl<T: TeaBytes> $crate::__private::Codec<T> for $name {
                fn encode(
                    value: &T,
                    compare: fn(&T) -> $crate::__private::Compare<T>,
                    into: &mut ::std::vec::Vec<u8>,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    $crate::__private::$codec::encode(value, compare, into)
                }
                fn decode(bytes: &[u8]) -> ::core::result::Result<T, ::std::string::String> {
                    $crate::__private::$codec::decode(bytes)
                }
            }
        };
    };
}

/// How a type shows its values by `Debug`, if it does.
#[doc(hidden)]
#[macro_export]
macro_rules! __show {
    ($ty:ty) => {{
        use $crate::__private::Cannot as _;
        <$crate::__private::Probe<$ty>>::DEBUG
    }};
}

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
