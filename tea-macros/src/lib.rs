//! `include_workflow!`: a thin front of [`tea_build`].
#![forbid(unsafe_code)]
