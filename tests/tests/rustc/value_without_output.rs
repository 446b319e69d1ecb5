tea_runtime::include_workflow!("value_without_output.yaml");
