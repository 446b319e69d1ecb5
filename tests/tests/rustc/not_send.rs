use std::rc::Rc;

tea_runtime::include_workflow!("not_send.yaml");
