//! Maps: where their items come from, their bodies, and where results and failures go.

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
