struct Index(usize);

tea_runtime::include_workflow!("not_recorded.yaml");
