def pages(atlas):
    return []
