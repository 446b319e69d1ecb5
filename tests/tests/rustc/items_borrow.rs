tea_runtime::include_workflow!("items_borrow.yaml");
