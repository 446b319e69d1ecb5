tea_runtime::include_workflow!("wrong_output.yaml");
