tea_runtime::include_workflow!("question_mark_on_none.yaml");
