//! Writes the table again: `cargo xtask generate`.

fn main() -> anyhow::Result<()> {
    let plan = number_plan::generate()?;
    std::fs::write(number_plan::FILE, &plan.bytes)?;
    eprintln!(
        "{}: {} bytes, {} nodes, {} countries",
        number_plan::FILE,
        plan.bytes.len(),
        plan.nodes,
        plan.countries
    );
    Ok(())
}
