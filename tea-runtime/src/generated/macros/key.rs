//! Keys of the state: their types and what these can do, defaults and reducers.

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

/// How a type shows its values by `Debug`, if it does.
#[doc(hidden)]
#[macro_export]
macro_rules! __show {
    ($ty:ty) => {{
        use $crate::__private::Cannot as _;
        <$crate::__private::Probe<$ty>>::DEBUG
    }};
}
