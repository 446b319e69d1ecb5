tea_runtime::include_workflow!("wrong_tuple.yaml");
