type Result<T> = std::result::Result<T, std::io::Error>;

tea_runtime::include_workflow!("result_alias.yaml");
