tea_runtime::include_workflow!("misspelt_key.yaml");
