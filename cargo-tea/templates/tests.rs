#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_its_own_manifest() {
        let output = {module}::run({module}::Input::new()).unwrap();
        assert!(output.count > 5);
        assert_eq!(output.report, format!("{} words, the longest is {}", output.count, output.longest));
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let input = {module}::Input { text: "nowhere".into(), ..Default::default() };
        assert!({module}::run(input).is_err());
    }
}
