tea_runtime::include_workflow!("moved_out_of_state.yaml");
