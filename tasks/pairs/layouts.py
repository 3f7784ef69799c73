"""How a record looks as a form: label lines, boxes, two columns, tables, HTML and e-mails."""

from collections.abc import Callable, Sequence
from html import escape
from random import Random

Fields = Sequence[tuple[str, str]]
"""Labels and what stands behind them."""

SIGNS = (": ", ":\t", " - ", " = ", " ..... ", ":\n  ", " | ")
GREETINGS = ("Hello,", "Dear Sir or Madam,", "Hi there,", "Good morning,", "To whom it may concern,")
OPENINGS = (
    "please find the details below.", "here is what you asked for:", "I fill in your form by mail, since the page did not load.",
    "as discussed on the phone:", "these are the data that you need from me.",
)  # fmt: skip
ENDINGS = ("Kind regards", "Best wishes", "Thank you\n\nSent from my phone", "Yours sincerely", "Cheers")
HEADINGS = ("FORM", "Registration", "Application form", "Please fill in all fields", "Section A", "Data sheet", "Record")


def lines(fields: Fields, lot: Random) -> str:
    """Give a line for each field: label, sign, value."""
    sign = lot.choice(SIGNS)
    head = f"{lot.choice(HEADINGS)}\n\n" if lot.random() < 0.5 else ""
    return head + "\n".join(f"{label}{sign}{value}" for label, value in fields)


def numbered(fields: Fields, lot: Random) -> str:
    """Give questions with numbers, each answered on the line below or beside it."""
    mark: Callable[[int], str] = lot.choice(
        (lambda n: f"{n}.", lambda n: f"({n})", lambda n: f"{chr(96 + (n - 1) % 26 + 1)})", lambda n: f"§ {n}")
    )
    between = lot.choice(("\n   ", " ", " ► "))
    return "\n".join(f"{mark(n)} {label}{between}{value}" for n, (label, value) in enumerate(fields, 1))


def boxed(fields: Fields, lot: Random) -> str:
    """Give a box drawn of lines, a field in each row of it."""
    across, down, corner = lot.choice((("-", "|", "+"), ("─", "│", "┼"), ("=", "║", "╬"), ("_", "|", "|")))
    rows = [f"{label}: {value}".split("\n") for label, value in fields]
    width = max(len(line) for row in rows for line in row)
    edge = corner + across * (width + 2) + corner
    return "\n".join([edge, *(part for row in rows for part in (*(f"{down} {line:<{width}} {down}" for line in row), edge))])


def columns(fields: Fields, lot: Random) -> str:
    """Give two fields beside each other on each line, or all labels on the left and all values on the right."""
    held = [(label, value.replace("\n", " ")) for label, value in fields]
    if lot.random() < 0.5:
        width = max(len(label) for label, _ in held) + lot.randint(2, 6)
        return "\n".join(f"{label:<{width}}{value}" for label, value in held)
    cells = [f"{label}: {value}" for label, value in held]
    width = max(map(len, cells)) + 4
    return "\n".join("".join(f"{cell:<{width}}" for cell in cells[n : n + 2]).rstrip() for n in range(0, len(cells), 2))


def table(fields: Fields, lot: Random) -> str:
    """Give a table: a row for each field, or one row under a row of labels."""
    held = [tuple(cell.replace("\n", " ").replace("|", "/") for cell in field) for field in fields]
    rows = [("Field", "Value"), *held] if lot.random() < 0.5 else [tuple(cells) for cells in zip(*held, strict=True)]
    if lot.random() < 0.3:
        return "\n".join("\t".join(row) for row in rows)
    ruled = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([ruled[0], "|" + "---|" * len(rows[0]), *ruled[1:]])


def html(fields: Fields, lot: Random) -> str:
    """Give a piece of a page: a form, a table or a list of terms."""
    held = [(escape(label), escape(value)) for label, value in fields]
    way = lot.randrange(3)
    if way == 0:
        inner = "\n".join(f'  <label>{label} <input name="{n}" value="{value}"></label><br>' for n, (label, value) in enumerate(held))
        return f'<form method="post">\n{inner}\n</form>'
    if way == 1:
        return "<table>" + "".join(f"<tr><th>{label}</th><td>{value}</td></tr>" for label, value in held) + "</table>"
    return "<dl>\n" + "\n".join(f"<dt>{label}</dt>\n<dd>{value}</dd>" for label, value in held) + "\n</dl>"


def email(fields: Fields, lot: Random) -> str:
    """Give an e-mail that has the fields in its text."""
    bullet = lot.choice(("", "- ", "* ", "> "))
    told = "\n".join(f"{bullet}{label}: {value}" for label, value in fields)
    head = f"Subject: {lot.choice(HEADINGS)}\n\n" if lot.random() < 0.6 else ""
    return f"{head}{lot.choice(GREETINGS)}\n\n{lot.choice(OPENINGS)}\n\n{told}\n\n{lot.choice(ENDINGS)}"


LAYOUTS: dict[str, Callable[[Fields, Random], str]] = {
    "lines": lines, "numbered": numbered, "boxed": boxed, "columns": columns, "table": table, "html": html, "email": email,
}  # fmt: skip
