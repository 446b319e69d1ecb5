//! Published workflow graphs, as the tests have them, with programs that only take time.

use anyhow::Result;

use crate::work;

/// A graph: its name, the file that it was made of, and a run of it with this many seconds for a recorded one.
pub(crate) type Published = (&'static str, &'static str, fn(f64) -> Result<()>);

/// All of them. The larger ones take a while to compile.
pub(crate) const GRAPHS: &[Published] = &[
    ("forkjoin", "helloworld-forkjoin-10-chameleon", forkjoin_once),
    ("genomes", "1000genome-chameleon-2ch-100k-001", genomes_once),
    #[cfg(feature = "full")]
    ("viralrecon", "viralrecon-dirt02-001", viralrecon_once),
    #[cfg(feature = "full")]
    ("soykb", "soykb-chameleon-50fastq-20ch-001", soykb_once),
];

/// Keeps a core busy.
pub(crate) fn spin_for(seconds: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short time")]
    work::spin(work::turns((seconds * 1e9) as u64))
}

macro_rules! graphs {
    ($($once:ident $module:ident $path:literal [$($program:ident)*])*) => {$(
        mod $module {
            use std::path::PathBuf;

            $(fn $program(_: &PathBuf, _: &str, seconds: f64, inputs: &[u64]) -> std::io::Result<u64> {
                let spun = super::spin_for(seconds);
                Ok(inputs.iter().fold(spun, |sum, input| sum ^ input))
            })*

            tea_runtime::include_workflow!($path, main = false, visibility = pub(crate), warnings = false);
        }

        fn $once(scale: f64) -> Result<()> {
            let input = $module::$module::Input { log: "".into(), scale };
            let output = $module::$module::builder().all_on_threads().run(input)?;
            std::hint::black_box(&output);
            Ok(())
        }
    )*};
}

graphs! {
    forkjoin_once forkjoin "../../../tests/src/bin/graph_forkjoin/flow.yaml" [
        run_cpuhog
    ]
    genomes_once genomes "../../../tests/src/bin/graph_genomes/flow.yaml" [
        run_frequency
        run_individuals
        run_individuals_merge
        run_mutation_overlap
        run_sifting
    ]
}

#[cfg(feature = "full")]
graphs! {
    viralrecon_once viralrecon "../../../tests/src/bin/graph_viralrecon/flow.yaml" [
        run_nfcore_viralrecon_illumina_assembly_minia_assembly_qc_abacas
        run_nfcore_viralrecon_illumina_assembly_minia_assembly_qc_blast_blastn
        run_nfcore_viralrecon_illumina_assembly_minia_assembly_qc_filter_blastn
        run_nfcore_viralrecon_illumina_assembly_minia_assembly_qc_quast
        run_nfcore_viralrecon_illumina_assembly_minia_minia
        run_nfcore_viralrecon_illumina_assembly_spades_assembly_qc_abacas
        run_nfcore_viralrecon_illumina_assembly_spades_assembly_qc_blast_blastn
        run_nfcore_viralrecon_illumina_assembly_spades_assembly_qc_filter_blastn
        run_nfcore_viralrecon_illumina_assembly_spades_assembly_qc_quast
        run_nfcore_viralrecon_illumina_assembly_spades_bandage_image
        run_nfcore_viralrecon_illumina_assembly_spades_gunzip_gfa
        run_nfcore_viralrecon_illumina_assembly_spades_gunzip_scaffolds
        run_nfcore_viralrecon_illumina_assembly_spades_spades
        run_nfcore_viralrecon_illumina_assembly_unicycler_assembly_qc_abacas
        run_nfcore_viralrecon_illumina_assembly_unicycler_assembly_qc_blast_blastn
        run_nfcore_viralrecon_illumina_assembly_unicycler_assembly_qc_filter_blastn
        run_nfcore_viralrecon_illumina_assembly_unicycler_assembly_qc_quast
        run_nfcore_viralrecon_illumina_assembly_unicycler_bandage_image
        run_nfcore_viralrecon_illumina_assembly_unicycler_gunzip_gfa
        run_nfcore_viralrecon_illumina_assembly_unicycler_gunzip_scaffolds
        run_nfcore_viralrecon_illumina_assembly_unicycler_unicycler
        run_nfcore_viralrecon_illumina_bam_trim_primers_ivar_bam_sort_stats_samtools_bam_stats_samtools_samtools_flagstat
        run_nfcore_viralrecon_illumina_bam_trim_primers_ivar_bam_sort_stats_samtools_bam_stats_samtools_samtools_idxstats
        run_nfcore_viralrecon_illumina_bam_trim_primers_ivar_bam_sort_stats_samtools_bam_stats_samtools_samtools_stats
        run_nfcore_viralrecon_illumina_bam_trim_primers_ivar_bam_sort_stats_samtools_samtools_index
        run_nfcore_viralrecon_illumina_bam_trim_primers_ivar_bam_sort_stats_samtools_samtools_sort
        run_nfcore_viralrecon_illumina_bam_trim_primers_ivar_ivar_trim
        run_nfcore_viralrecon_illumina_cat_fastq
        run_nfcore_viralrecon_illumina_consensus_bcftools_bcftools_consensus
        run_nfcore_viralrecon_illumina_consensus_bcftools_bcftools_filter
        run_nfcore_viralrecon_illumina_consensus_bcftools_bedtools_maskfasta
        run_nfcore_viralrecon_illumina_consensus_bcftools_bedtools_merge
        run_nfcore_viralrecon_illumina_consensus_bcftools_consensus_qc_nextclade_run
        run_nfcore_viralrecon_illumina_consensus_bcftools_consensus_qc_pangolin
        run_nfcore_viralrecon_illumina_consensus_bcftools_consensus_qc_plot_base_density
        run_nfcore_viralrecon_illumina_consensus_bcftools_consensus_qc_quast
        run_nfcore_viralrecon_illumina_consensus_bcftools_make_bed_mask
        run_nfcore_viralrecon_illumina_consensus_bcftools_rename_fasta_header
        run_nfcore_viralrecon_illumina_consensus_bcftools_tabix_tabix
        run_nfcore_viralrecon_illumina_custom_dumpsoftwareversions
        run_nfcore_viralrecon_illumina_cutadapt
        run_nfcore_viralrecon_illumina_fastq_align_bowtie2_bam_sort_stats_samtools_bam_stats_samtools_samtools_flagstat
        run_nfcore_viralrecon_illumina_fastq_align_bowtie2_bam_sort_stats_samtools_bam_stats_samtools_samtools_idxstats
        run_nfcore_viralrecon_illumina_fastq_align_bowtie2_bam_sort_stats_samtools_bam_stats_samtools_samtools_stats
        run_nfcore_viralrecon_illumina_fastq_align_bowtie2_bam_sort_stats_samtools_samtools_index
        run_nfcore_viralrecon_illumina_fastq_align_bowtie2_bam_sort_stats_samtools_samtools_sort
        run_nfcore_viralrecon_illumina_fastq_align_bowtie2_bowtie2_align
        run_nfcore_viralrecon_illumina_fastq_trim_fastp_fastqc_fastp
        run_nfcore_viralrecon_illumina_fastq_trim_fastp_fastqc_fastqc_raw
        run_nfcore_viralrecon_illumina_fastq_trim_fastp_fastqc_fastqc_trim
        run_nfcore_viralrecon_illumina_fastqc
        run_nfcore_viralrecon_illumina_input_check_samplesheet_check
        run_nfcore_viralrecon_illumina_kraken2_kraken2
        run_nfcore_viralrecon_illumina_mosdepth_amplicon
        run_nfcore_viralrecon_illumina_mosdepth_genome
        run_nfcore_viralrecon_illumina_multiqc
        run_nfcore_viralrecon_illumina_picard_collectmultiplemetrics
        run_nfcore_viralrecon_illumina_plot_mosdepth_regions_amplicon
        run_nfcore_viralrecon_illumina_plot_mosdepth_regions_genome
        run_nfcore_viralrecon_illumina_prepare_genome_bedtools_getfasta
        run_nfcore_viralrecon_illumina_prepare_genome_blast_makeblastdb
        run_nfcore_viralrecon_illumina_prepare_genome_bowtie2_build
        run_nfcore_viralrecon_illumina_prepare_genome_collapse_primers
        run_nfcore_viralrecon_illumina_prepare_genome_custom_getchromsizes
        run_nfcore_viralrecon_illumina_prepare_genome_gunzip_gff
        run_nfcore_viralrecon_illumina_prepare_genome_snpeff_build
        run_nfcore_viralrecon_illumina_prepare_genome_untar_kraken2_db
        run_nfcore_viralrecon_illumina_prepare_genome_untar_nextclade_db
        run_nfcore_viralrecon_illumina_variants_ivar_bcftools_sort
        run_nfcore_viralrecon_illumina_variants_ivar_ivar_variants
        run_nfcore_viralrecon_illumina_variants_ivar_ivar_variants_to_vcf
        run_nfcore_viralrecon_illumina_variants_ivar_variants_qc_asciigenome
        run_nfcore_viralrecon_illumina_variants_ivar_variants_qc_snpeff_snpsift_snpeff_ann
        run_nfcore_viralrecon_illumina_variants_ivar_variants_qc_snpeff_snpsift_snpsift_extractfields
        run_nfcore_viralrecon_illumina_variants_ivar_variants_qc_snpeff_snpsift_vcf_bgzip_tabix_stats_tabix_bgzip
        run_nfcore_viralrecon_illumina_variants_ivar_variants_qc_snpeff_snpsift_vcf_bgzip_tabix_stats_vcf_tabix_stats_bcftools_stats
        run_nfcore_viralrecon_illumina_variants_ivar_variants_qc_snpeff_snpsift_vcf_bgzip_tabix_stats_vcf_tabix_stats_tabix_tabix
        run_nfcore_viralrecon_illumina_variants_ivar_vcf_tabix_stats_bcftools_stats
        run_nfcore_viralrecon_illumina_variants_ivar_vcf_tabix_stats_tabix_tabix
        run_nfcore_viralrecon_illumina_variants_long_table_bcftools_query
        run_nfcore_viralrecon_illumina_variants_long_table_make_variants_long_table
    ]
    soykb_once soykb "../../../tests/src/bin/graph_soykb/flow.yaml" [
        run_add_replace
        run_alignment_to_reference
        run_combine_variants
        run_dedup
        run_filtering_indel
        run_filtering_snp
        run_genotype_gvcfs
        run_haplotype_caller
        run_indel_realign
        run_merge_gcvf
        run_realign_target_creator
        run_select_variants_indel
        run_select_variants_snp
        run_sort_sam
    ]
}
