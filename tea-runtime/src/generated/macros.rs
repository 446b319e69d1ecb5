//! The macros around the user's Rust. `$flow` is the generated module.

/// State key number `$id`: its type, and if it has them the default and the reducer, in any order.
#[doc(hidden)]
#[macro_export]
macro_rules! __key {
    ($flow:ident $id:literal $names:tt $of_type:tt $($what:ident($($rust:tt)*))+) => {
        $($crate::__key_part!($what $flow $id $names $of_type $($rust)*);)+
    };
}

/// A part of a key: its type, what gives its `default`, or what combines two values by its `reduce`.
///
/// The `first` key of a type checks it and lists what it can do, further ones are `like` that one. The check is made
/// with the messages that the compiler wrote for it, at the type's own words. Everything else takes what it lets
/// through, so that a mistake gives one error.
#[doc(hidden)]
#[macro_export]
macro_rules! __key_part {
    (ty $flow:ident $id:literal $names:tt (like $like:literal) $($ty:tt)+) => {
        impl $crate::__private::KeyType<$id> for $flow::Keys {
            type Value = $($ty)+;
            const CHECKED: $crate::__private::Checked<Self::Value> =
                <Self as $crate::__private::KeyType<$like>>::CHECKED.like($id);
            const KIND: $crate::__private::Kind = <Self as $crate::__private::KeyType<$like>>::KIND;
        }
    };
    (ty $flow:ident $id:literal $names:tt (first $kind:tt $check:tt) $($ty:tt)+) => {
        impl $crate::__private::KeyType<$id> for $flow::Keys {
            type Value = $($ty)+;
            const CHECKED: $crate::__private::Checked<Self::Value> = $crate::__checked!($id $check $($ty)+);
            const KIND: $crate::__private::Kind = $crate::__kind!($kind $crate::__private::KeyType<$id>);
        }
    };
    (
        default $flow:ident $id:literal ($KEY:ident $alias:ident $default:ident $reduce:ident) $of_type:tt
        $($body:tt)*
    ) => {
        impl $flow::Nodes {
            fn $default() -> $flow::types::$alias {
                $($body)*
            }
        }
    };
    (
        reduce $flow:ident $id:literal ($KEY:ident $alias:ident $default:ident $reduce:ident) $of_type:tt
        $($body:tt)*
    ) => {
        impl $flow::Nodes {
            fn $reduce(
                kind: &'static $crate::__private::Kind,
                before: $crate::__private::Value,
                written: $crate::__private::Value,
            ) -> ::core::result::Result<$crate::__private::Value, ::std::boxed::Box<$crate::__private::Failure>> {
                $crate::__private::combine($flow::key::$KEY, kind, before, written, $($body)*)
            }
        }
    };
}

/// The check of a key's type. `shared`: a type of the standard library, nothing to prove with a message of its own.
#[doc(hidden)]
#[macro_export]
macro_rules! __checked {
    ($id:literal (shared) $($ty:tt)+) => {
        $crate::__private::Checked::shared($id)
    };
    ($id:literal (crossing) $($ty:tt)+) => {
        $crate::__private::Checked::crossing($id)
    };
    ($id:literal (shared $message:literal $label:literal $($note:literal)*) $($ty:tt)+) => {{
        #[diagnostic::on_unimplemented(message = $message, label = $label, $(note = $note),*)]
        trait TeaShared: Send + Sync + 'static {}
        #[diagnostic::do_not_recommend]
        impl<T: Send + Sync + 'static> TeaShared for T {}
        const fn check<T: TeaShared>() -> $crate::__private::Checked<T> {
            $crate::__private::Checked::shared($id)
        }
        check::<$($ty)+>()
    }};
    (
        $id:literal
        (
            shared $message:literal $label:literal $($note:literal)*,
            crossing $cannot:literal $cross_label:literal $($cross_note:literal)*
        )
        $($ty:tt)+
    ) => {{
        #[diagnostic::on_unimplemented(message = $message, label = $label, $(note = $note),*)]
        trait TeaShared: Send + Sync + 'static {}
        #[diagnostic::do_not_recommend]
        impl<T: Send + Sync + 'static> TeaShared for T {}
        #[diagnostic::on_unimplemented(message = $cannot, label = $cross_label, $(note = $cross_note),*)]
        trait TeaCrosses: $crate::__private::Serialize + $crate::__private::DeserializeOwned {}
        #[diagnostic::do_not_recommend]
        impl<T: $crate::__private::Serialize + $crate::__private::DeserializeOwned> TeaCrosses for T {}
        const fn check<T: TeaShared + TeaCrosses>() -> $crate::__private::Checked<T> {
            $crate::__private::Checked::crossing($id)
        }
        check::<$($ty)+>()
    }};
}

/// What a type can do, as far as its keys need it: `json` where one is part of the output, `parse` where one is an input.
#[doc(hidden)]
#[macro_export]
macro_rules! __kind {
    (($name:literal json = $json:literal, parse = $parse:literal) $key:path) => {{
        use $crate::__private::{Cannot as _, Parse, Probe};
        $crate::__private::Kind {
            name: $name,
            clone: <Probe<<Self as $key>::Value>>::CLONE,
            to_json: if $json { <Probe<<Self as $key>::Value>>::TO_JSON } else { None },
            wire: <Self as $key>::CHECKED.wire,
            parse: if $parse {
                Parse::best(
                    <Probe<<Self as $key>::Value>>::FROM_STR,
                    <Probe<<Self as $key>::Value>>::FROM_JSON,
                    <Probe<<Self as $key>::Value>>::FROM_JSON_TEXT,
                    <Probe<<Self as $key>::Value>>::FROM_JSON_STR,
                )
            } else {
                None
            },
        }
    }};
}

/// A node's function. What it reads is bound to the keys' names: `key: method KEY`, by that method of the view.
#[doc(hidden)]
#[macro_export]
macro_rules! __node {
    ($flow:ident $name:ident() $reads:tt $more:tt => $($body:tt)*) => {
        $crate::__function!($flow $name (()) $reads $more $($body)*);
    };
    ($flow:ident $name:ident($out:ident) $reads:tt $more:tt => $($body:tt)*) => {
        $crate::__function!($flow $name ($flow::types::$out) $reads $more $($body)*);
    };
    ($flow:ident $name:ident($($out:ident,)+) $reads:tt $more:tt => $($body:tt)*) => {
        $crate::__function!($flow $name (($($flow::types::$out,)+)) $reads $more $($body)*);
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

/// A function from a view to what some of the user's Rust gives.
#[doc(hidden)]
#[macro_export]
macro_rules! __function {
    ($flow:ident $name:ident ($out:ty) $reads:tt $more:tt $($body:tt)*) => {
        #[allow(clippy::similar_names, clippy::many_single_char_names)]
        fn $name(
            view: &$crate::__private::View,
            context: &$crate::__private::Context,
        ) -> ::core::result::Result<$out, $crate::__private::NodeError> {
            $crate::__bind!($flow view context $reads $more);
            let value: $out = { $($body)* };
            ::core::result::Result::Ok(value)
        }
    };
}

/// Binds what the user's Rust reads, and as far as it uses them `ctx` and `parallel_results`.
#[doc(hidden)]
#[macro_export]
macro_rules! __bind {
    (
        $flow:ident $view:ident $context:ident
        [$($key:ident: $method:ident $KEY:ident),*] ($($ctx:ident)?; $($results:ident)?)
    ) => {
        $(let $key = $view.$method($flow::key::$KEY); let _ = $key;)*
        $(let $ctx = $context;)?
        $(let $results = $view.parallel_results();)?
    };
}

/// A map, as a constant `&dyn MapSpec`: where its items come from (`given` by the user's Rust, or `in_place` in a key),
/// its body, where results and failures go, and for a map that may run in worker processes what to say of a type that
/// cannot go there.
#[doc(hidden)]
#[macro_export]
macro_rules! __map {
    ($flow:ident $name:ident $output:tt $failures:tt $wire:tt body $body:tt items $items:tt) => {
        $crate::__map!($flow $name $output $failures $wire items $items body $body);
    };
    ($flow:ident $name:ident $output:tt $failures:tt ($($wire:tt)*) items $items:tt body $body:tt) => {
        const $name: &'static dyn $crate::__private::MapSpec = {
            $crate::__wire!($($wire)*);
            &$crate::__private::map(
                $crate::__items!($flow $items),
                $crate::__body!($flow $body),
                $crate::__output!($flow $output),
                $crate::__failures!($flow $failures),
                TeaWire,
            )
        };
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
            let items = { $($items)* };
            ::core::result::Result::Ok(items)
        })
    };
}

/// A map's body.
#[doc(hidden)]
#[macro_export]
macro_rules! __body {
    ($flow:ident (($item:ident $(, $index:ident)?) $reads:tt $more:tt => $($body:tt)*)) => {
        |view, context, $item, index| {
            let _ = (view, context, $item, index);
            $(let $index: usize = index; let _ = $index;)?
            $crate::__bind!($flow view context $reads $more);
            let result = { $($body)* };
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
    ($flow:ident ($KEY:ident)) => {
        $flow::key::$KEY
    };
    ($flow:ident (reduced $KEY:ident)) => {
        $crate::__private::reduced($flow::key::$KEY)
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

/// Whether a map's items and results can go to another process.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire {
    (local) => {
        use $crate::__private::Local as TeaWire;
    };
    (crossing $message:literal $label:literal $($note:literal)*) => {
        #[diagnostic::on_unimplemented(message = $message, label = $label, $(note = $note),*)]
        trait TeaCrosses: $crate::__private::Serialize + $crate::__private::DeserializeOwned + 'static {}
        #[diagnostic::do_not_recommend]
        impl<T: $crate::__private::Serialize + $crate::__private::DeserializeOwned + 'static> TeaCrosses for T {}
        #[derive(Clone, Copy)]
        struct TeaWire;
        impl<T: TeaCrosses> $crate::__private::Codec<T> for TeaWire {
            fn encode(value: &T, into: &mut ::std::vec::Vec<u8>) -> ::core::result::Result<(), ::std::string::String> {
                $crate::__private::Wired::encode(value, into)
            }
            fn decode(bytes: &[u8]) -> ::core::result::Result<T, ::std::string::String> {
                $crate::__private::Wired::decode(bytes)
            }
        }
    };
}

/// A value for `Debug`: as its type shows it, or the type's name.
#[doc(hidden)]
#[macro_export]
macro_rules! __shown {
    ($ty:ty, $value:expr) => {{
        use $crate::__private::{Cannot as _, Probe, Shown};
        Shown($value, <Probe<$ty>>::DEBUG)
    }};
}

/// The ways to run the workflow.
#[doc(hidden)]
#[macro_export]
macro_rules! __entries {
    (($vis:vis)) => {
        $crate::__private::inventory::submit! { $crate::__private::Registered(&PLAN) }
    };
}

/// The ways to run a workflow that does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! __stub {
    (($vis:vis)) => {};
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
