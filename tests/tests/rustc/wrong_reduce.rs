tea_runtime::include_workflow!("wrong_reduce.yaml");
