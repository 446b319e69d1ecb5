fn call() {}

tea_runtime::include_workflow!("unknown_function.yaml");
