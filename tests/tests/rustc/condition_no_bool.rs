tea_runtime::include_workflow!("condition_no_bool.yaml");
