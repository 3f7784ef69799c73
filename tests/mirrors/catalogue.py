"""Project Gutenberg on loopback: books, its catalogue as a table and as an archive, and the page for robots."""

from collections.abc import Sequence

from tests.packing import tar_of, zip_of
from tests.texts import prose


def book_text(seed: int) -> bytes:
    """Give a book with header and end, as a mirror has it."""
    marks = [f"*** {word} OF THE PROJECT GUTENBERG EBOOK BOOK {seed} ***" for word in ("START", "END")]
    body = "\n\n".join(prose(seed + n, 6) for n in range(6))
    return f"The Project Gutenberg eBook of Book {seed}\n\nTitle: Book {seed}\n\n{marks[0]}\n\n{body}\n\n{marks[1]}\n".encode()


def table(numbers: Sequence[int]) -> bytes:
    """Give pg_catalog.csv of some books."""
    head = "Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves\n"
    return (head + "".join(f'{n},Text,2001-01-01,Book {n},en,"Late, Lou, 1860-",Rivers,PR,\n' for n in numbers)).encode()


def harvest(addresses: Sequence[str]) -> bytes:
    """Give the page for robots, the last of its pages."""
    links = "".join(f'<p><a href="{address}">{address}</a></p>' for address in addresses)
    return f"<html><body>{links}</body></html>".encode()


def rdf(number: int, downloads: int, rights: str = "Public domain in the USA.", born: str = "1850") -> bytes:
    """Write a book's file as the RDF archive has it."""
    spaces = (
        'xmlns:pgterms="http://www.gutenberg.org/2009/pgterms/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dcterms="http://purl.org/dc/terms/"'
    )
    valued = "<rdf:Description><rdf:value>{}</rdf:value></rdf:Description>"
    agent = f"<pgterms:agent><pgterms:alias>Other</pgterms:alias><pgterms:birthdate>{born}</pgterms:birthdate><pgterms:name>Late, Lou</pgterms:name></pgterms:agent>"
    inner = (
        f"<dcterms:creator>{agent}</dcterms:creator><dcterms:type>{valued.format('Text')}</dcterms:type><dcterms:issued>2001-03-03</dcterms:issued>"
        f"<dcterms:title>Book\n{number}</dcterms:title><dcterms:language>{valued.format('en')}</dcterms:language><dcterms:rights>{rights}</dcterms:rights>"
        f"<dcterms:subject>{valued.format('Rivers')}</dcterms:subject><dcterms:subject>{valued.format('Fish')}</dcterms:subject>"
        f"<pgterms:downloads>{downloads}</pgterms:downloads>"
    )
    return f'<?xml version="1.0"?><rdf:RDF {spaces}><pgterms:ebook rdf:about="ebooks/{number}">{inner}</pgterms:ebook></rdf:RDF>'.encode()


def archive(files: dict[str, bytes], form: str = "zip") -> bytes:
    tar = tar_of({f"cache/epub/{name}.rdf": data for name, data in files.items()}, mode="w:bz2" if form == "bz2" else "w")
    return zip_of({"rdf-files.tar": tar}) if form == "zip" else tar
