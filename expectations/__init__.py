"""All of Great Expectations behind one seam: suites in, a plain report out."""
