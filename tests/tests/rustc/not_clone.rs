struct Tally(usize);

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

tea_runtime::include_workflow!("not_clone.yaml");
