//! Aligned columns without lines, as `ls` and `ps` print them.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

/// Writes rows under a header. Columns of numbers stand to the right.
pub(crate) fn table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> fmt::Result {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    let mut numbers = [true; N];
    for row in rows {
        for (is_number, cell) in numbers.iter_mut().zip(&row) {
            *is_number &= cell.bytes().all(|byte| byte.is_ascii_digit());
        }
        table.add_row(row);
    }
    for (column, is_number) in table.column_iter_mut().zip(numbers) {
        column.set_padding((0, 2));
        if is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .try_for_each(|line| writeln!(f, "{}", line.trim_end()))
}
