tea_runtime::include_workflow!("wrong_map_output.yaml");
