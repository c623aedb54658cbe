//! Writes the table again: `cargo xtask generate`.

fn main() -> anyhow::Result<()> {
    let plan = phone_plan::generate()?;
    std::fs::write(phone_plan::FILE, &plan.bytes)?;
    eprintln!(
        "{}: {} bytes, {} nodes, {} countries",
        phone_plan::FILE,
        plan.bytes.len(),
        plan.nodes,
        plan.countries
    );
    Ok(())
}
