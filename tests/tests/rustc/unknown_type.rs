pub struct Index;

tea_runtime::include_workflow!("unknown_type.yaml");
