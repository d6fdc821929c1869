#!/usr/bin/env python3
"""Checks a report of graphs/movies against the raw records, in another language
and another way: exact fractions, no step in between.

    python3 graphs/movies/verify/verify.py [REPORT.json]     default: expected.json

Exit code 0 when every figure is the same, else 1 with the differences.
"""
import json
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from fractions import Fraction
from math import floor, sqrt
from pathlib import Path
from statistics import median

MOVIES = Path(__file__).resolve().parent.parent
LATEST = date(2011, 12, 31)


def rounded(x, digits):
    """Half away from zero; x is exact or a float."""
    if x is None:
        return None
    scaled = Fraction(x) * 10**digits
    whole = floor(abs(scaled) + Fraction(1, 2))
    return (whole if scaled >= 0 else -whole) / 10**digits


def misread(title):
    """Whether Mac Roman was mistaken for Windows-1252: reading it right gives a
    letter, a fraction or an ellipsis that belongs there."""
    try:
        right = title.encode("mac_roman").decode("cp1252")
    except UnicodeError:
        return False
    return right != title and all(c.isascii() or c in "àáäèéêëóôù½…¢" for c in right)


def release(text):
    day = datetime.strptime(text, "%b %d %Y").date()
    if day == date(1969, 12, 31):
        return None, "date_was_missing"
    if day > LATEST:
        return day.replace(year=day.year - 100), "date_century"
    return day, None


def summary(records):
    repairs = Counter()
    raters = Counter((str(r["Title"]), r["IMDB Rating"], r["IMDB Votes"]) for r in records)
    days, grosses, pairs = [], [], []
    us, world, budgets = [], [], []
    genres = defaultdict(list)
    decades = defaultdict(lambda: [0, 0])
    films = 0
    for r in records:
        title = r["Title"]
        day, mended = release(r["Release Date"])
        repairs[mended] += 1
        gross, us_gross = r["Worldwide Gross"], r["US Gross"]
        if gross == 0:
            gross = us_gross = None
            repairs["gross_unknown"] += 1
        rating = None if r["IMDB Rating"] is None else Fraction(str(r["IMDB Rating"]))
        if title is not None and rating is not None and raters[str(title), r["IMDB Rating"], r["IMDB Votes"]] > 1:
            rating = None
            repairs["rating_ambiguous"] += 1
        if title is None:
            repairs["dropped_untitled"] += 1
            continue
        title = str(title)
        if misread(title):
            repairs["title_redecoded"] += 1
            title = title.encode("mac_roman").decode("cp1252")
        films += 1
        if day:
            days.append(day.isoformat())
            decades[day.year - day.year % 10][0] += 1
            decades[day.year - day.year % 10][1] += gross or 0
        if gross is not None:
            world.append(gross)
            grosses.append((-gross, title, day.isoformat() if day else ""))
        us.append(us_gross or 0)
        if r["Production Budget"] is not None:
            budgets.append(r["Production Budget"])
        genres[r["Major Genre"] or "Unknown"].append(rating)
        if rating is not None and r["Rotten Tomatoes Rating"] is not None:
            pairs.append((rating, Fraction(r["Rotten Tomatoes Rating"])))
    del repairs[None]
    return {
        "records": len(records),
        "films": films,
        "dropped": len(records) - films,
        "repairs": dict(repairs),
        "released": {"first": min(days), "last": max(days), "known": len(days)},
        "totals": {
            "worldwide_gross": sum(world),
            "us_gross": sum(us),
            "production_budget": sum(budgets),
            "gross_known": len(world),
            "budget_known": len(budgets),
        },
        "decades": [{"decade": d, "films": n, "worldwide_gross": g} for d, (n, g) in sorted(decades.items())],
        "top_worldwide": [
            {"title": t, "released": d, "worldwide_gross": -g} for g, t, d in sorted(grosses)[:10]
        ],
        "genres": [genre(name, genres[name]) for name in sorted(genres)],
        "imdb_against_rotten_tomatoes": {"films": len(pairs), "pearson": rounded(pearson(pairs), 4)},
    }


def genre(name, ratings):
    rated = [r for r in ratings if r is not None]
    return {
        "genre": name,
        "films": len(ratings),
        "rated": len(rated),
        "rating_mean": rounded(sum(rated) / len(rated), 3) if rated else None,
        "rating_median": rounded(median(rated), 3) if rated else None,
    }


def pearson(pairs):
    mx = sum(x for x, _ in pairs) / len(pairs)
    my = sum(y for _, y in pairs) / len(pairs)
    cov = sum((x - mx) * (y - my) for x, y in pairs)
    vx = sum((x - mx) ** 2 for x, _ in pairs)
    vy = sum((y - my) ** 2 for _, y in pairs)
    return float(cov) / sqrt(vx * vy)


def differences(want, got, path=""):
    if isinstance(want, dict) and isinstance(got, dict):
        for key in sorted(want.keys() | got.keys()):
            yield from differences(want.get(key), got.get(key), f"{path}/{key}")
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for i, (w, g) in enumerate(zip(want, got)):
            yield from differences(w, g, f"{path}/{i}")
    elif want != got:
        yield f"{path}: the records say {want!r}, the report {got!r}"


def main():
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else MOVIES / "expected.json"
    want = summary(json.loads((MOVIES / "data" / "movies.json").read_text("utf-8")))
    found = list(differences(want, json.loads(report.read_text("utf-8"))))
    print("\n".join(found) or f"{report.name}: every figure is the same")
    sys.exit(1 if found else 0)


main()
