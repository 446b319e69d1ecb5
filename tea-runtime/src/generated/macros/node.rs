//! Nodes, conditions, questions and calls: functions from what they read to what the user's Rust gives.

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
