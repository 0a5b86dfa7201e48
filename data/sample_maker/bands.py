BANDS: dict = {}
