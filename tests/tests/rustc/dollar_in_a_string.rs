tea_runtime::include_workflow!("dollar_in_a_string.yaml");
