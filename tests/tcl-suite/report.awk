# Compares results with the stock run and with what is expected:
# awk -f report.awk stock.tsv expected.toml results.tsv

function is_passed() { return $2 == 0 && $3 == "0" && ($1 in stock) && $4 >= 0.8 * stock[$1] }

function how() {
  if ($3 == "early") return "ended early (status " $2 ")"
  if ($3 != "0") return $3 " of " $4 " assertions failed"
  if ($2 != 0) return "status " $2
  if (!($1 in stock)) return "no stock run is recorded to compare with"
  return $4 " assertions, stock has " stock[$1]
}

function log_of(name) {
  gsub("/", "_", name)
  return logs "/" name "/out.log"
}

FILENAME ~ /stock\.tsv$/ { stock[$1] = $2; next }

# "FILE" = "REASON"
FILENAME ~ /expected\.toml$/ {
  if (match($0, /^\[[a-z-]+\]/)) section = substr($0, 2, RLENGTH - 2)
  else if (split($0, part, "\"") >= 5 && (section == "fails" || section == "fails-on-" engine)) reason[part[2]] = part[4]
  next
}

{
  assertions += $4
  if ($1 in stock) of_stock += stock[$1]
  failed_assertions += $3
}
is_passed() {
  passed++
  if ($1 in reason) better = better "\n  " $1 " (listed: " reason[$1] ")"
  next
}
{
  failed++
  if ($1 in reason) expected++
  else worse = worse "\n  " $1 ": " how() "; see " log_of($1)
}

END {
  if (better) print "passed, although listed in tests/tcl-suite/expected.toml:" better
  if (worse) print "failed, and not listed in tests/tcl-suite/expected.toml:" worse
  printf "engine %s: %d passed, %d failed (%d of them expected)\n", engine, passed, failed, expected
  printf "%d assertions, of which %d failed; the stock run of the same files has %d\n", assertions, failed_assertions, of_stock
  exit worse ? 1 : 0
}
