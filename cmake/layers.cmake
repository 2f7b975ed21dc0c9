# layer(NAME FOLDER KNOWS...): the library of one folder. Its headers are included as "NAME/x.h" through a folder that
# holds this one link and nothing else, so a file can include only the layers that its own names: the compiler keeps
# the order base < capture < session.
function(layer name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c)
  add_library(${name} STATIC ${sources})
  set(view ${CMAKE_BINARY_DIR}/layers/${name})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${view}/${name} SYMBOLIC)
  target_include_directories(${name} PUBLIC ${view})
  target_link_libraries(${name} PUBLIC ${ARGN} PRIVATE common_flags)
endfunction()
