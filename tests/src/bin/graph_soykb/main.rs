//! Made by `wfformat`; `flow.yaml` holds the graph.
#![forbid(unsafe_code)]

use std::path::PathBuf;

tests::programs! {
    run_add_replace,
    run_alignment_to_reference,
    run_combine_variants,
    run_dedup,
    run_filtering_indel,
    run_filtering_snp,
    run_genotype_gvcfs,
    run_haplotype_caller,
    run_indel_realign,
    run_merge_gcvf,
    run_realign_target_creator,
    run_select_variants_indel,
    run_select_variants_snp,
    run_sort_sam,
}

tea_runtime::include_workflow!("flow.yaml");
