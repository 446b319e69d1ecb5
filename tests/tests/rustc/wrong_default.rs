tea_runtime::include_workflow!("wrong_default.yaml");
