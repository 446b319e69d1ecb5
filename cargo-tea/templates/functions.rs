use std::{
    fs, io,
    path::{Path, PathBuf},
};

{include}
fn count_words(text: &Path) -> io::Result<usize> {
    Ok(fs::read_to_string(text)?.split_whitespace().count())
}

fn find_longest(text: &Path) -> io::Result<String> {
    let text = fs::read_to_string(text)?;
    let longest = text.split_whitespace().max_by_key(|word| word.chars().count());
    Ok(longest.unwrap_or_default().to_owned())
}
