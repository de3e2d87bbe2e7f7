"""How an independent port of libphonenumber classifies some numbers: `python3 vectors.py > vectors.tsv`.

Needs `phonenumbers==9.0.33` (PyPI), which has the metadata that the `phonenumber` crate has. The
numbers are the metadata's own examples, those with a digit more or less, those written with the
national prefix, and the ones that are kept free for films ("555-01xx") in each area of the plan that +1 shares.
"""

import phonenumbers as p

T = p.PhoneNumberType
TARIFFS = {T.PREMIUM_RATE: "premium-rate", T.SHARED_COST: "shared-cost"}
TYPES = [t for t in T.values() if t not in (T.UNKNOWN, T.FIXED_LINE_OR_MOBILE)]


def verdict(text):
    try:
        number = p.parse(text, None)
    except p.NumberParseException:
        return "impossible", "-"
    if p.format_number(number, p.PhoneNumberFormat.E164) != text:
        return "impossible", "-"
    if p.is_possible_number_with_reason(number) != p.ValidationResult.IS_POSSIBLE:
        return "impossible", "-"
    region = p.region_code_for_number(number)
    place = {"001": "non-geographic", None: "unknown"}.get(region, region)
    return place, TARIFFS.get(p.number_type(number), "standard")


def examples():
    for region in sorted(p.SUPPORTED_REGIONS):
        metadata = p.PhoneMetadata.metadata_for_region(region)
        for kind in TYPES:
            number = p.example_number_for_type(region, kind)
            if number is None:
                continue
            text = p.format_number(number, p.PhoneNumberFormat.E164)
            yield text
            if kind in (T.MOBILE, T.FIXED_LINE):
                code = f"+{number.country_code}"
                national = text[len(code) :]
                yield text + "0"
                yield text[:-1]
                if metadata.national_prefix:
                    yield f"{code}{metadata.national_prefix}{national}"
    for code in sorted(p.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        number = p.example_number_for_non_geo_entity(code)
        yield p.format_number(number, p.PhoneNumberFormat.E164)
    for area in range(200, 1000):
        yield f"+1{area}5550123"
    for text in ["+1", "+12", "+0123456789", "+210123456789", "+5215512345678", "+541115512345"]:
        yield text


for text in dict.fromkeys(examples()):
    print(text, *verdict(text), sep="\t")
